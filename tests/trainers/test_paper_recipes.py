"""Every shipped recipe finds its parts and takes an update with a tiny policy.

A recipe is run as it is but for its sizes and its policy, on its own environment
where it reads what only that one tells (gold answers, tiers), else on a game of
three turns whose rewards differ, so that the update has a gradient.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from turnwise.trainers import credit as credits
from turnwise.trainers import recipe, rundir
from turnwise.trainers.runlog import read_log
from turnwise.trainers.sections import Recipe
from turnwise.trainers.train import train, validate

SIZES = [
    "policy.kind=tiny",
    "policy.checkpoint=",
    "policy.dtype=float32",
    "policy.vocab_size=300",
    "policy.hidden_size=16",
    "policy.num_layers=1",
    "policy.num_heads=1",
    "policy.num_kv_heads=1",
    "policy.intermediate_size=16",
    "policy.context_tokens=4096",
    "warmstart.teacher=none",
    "warmstart.episodes=2",
    "warmstart.optimizer=adamw",
    "prompt.style=plain",
    "rollout.num_groups=2",
    "rollout.max_tokens=16",
    "rollout.max_episode_tokens=4096",
    "rollout.constraint=admissible",
    "optim.num_minibatches=2",
    "optim.learning_rate=1e-4",
    "train.num_updates=1",
    "train.max_seconds=0.0",
    "eval.episodes=0",
    "server.spawn=false",
    "log.console=false",
    "log.trajectories=none",
]
OWN_WORLD = {
    "gated": "env.kwargs={difficulty = 'easy', num_products = 60, choices = true}",
    "igpo": "env.kwargs={choices = true, reward = 'f1'}",
    "otc": "env.kwargs={choices = true, reward = 'f1'}",
}
GROUP_SIZES = {"gigpo_tree": 8, "arpo_branching": 10}


def tiny(name: str, world: str) -> Recipe:
    overrides = [*SIZES, f"rollout.group_size={GROUP_SIZES.get(name, 4)}"]
    if name in OWN_WORLD:
        overrides += [OWN_WORLD[name], "rollout.max_turns=4"]
    else:
        overrides += [f"env.id={world}", "env.kwargs={}", "env.train_kwargs={}", "env.eval_kwargs={}"]
        overrides += ["env.mix=[]"] if recipe.load(name).env.mix else []
    return recipe.load(name, overrides)


@pytest.fixture(scope="module")
def policies(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Hold the policy of each environment, made by the first run that needs it."""
    yield {}


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.slow if name in OWN_WORLD else ()) for name in recipe.shipped()],
)
def test_a_recipe_takes_an_update(
    name: str, lights_file: Path, tmp_path: Path, policies: dict[str, str]
) -> None:
    chosen = tiny(name, f"{lights_file}:Lights")
    world = chosen.env.id if name in OWN_WORLD else "lights"
    key = f"{world} {chosen.prompt.style}"
    if key in policies:
        chosen = replace(chosen, policy=replace(chosen.policy, checkpoint=policies[key]))
    run = tmp_path / "run"
    assert train(chosen, run).update == 1
    if key not in policies:
        policies[key] = str(run / "warmstart")
    (entry,) = read_log(run)
    assert entry["credit/std"] > 0.0 or name in OWN_WORLD
    assert recipe.load(str(run / "recipe.toml")) == chosen


@pytest.mark.parametrize("name", recipe.shipped())
def test_a_recipe_finds_its_parts(name: str) -> None:
    """As it ships, its own environment included; only the server is this process."""
    validate(recipe.load(name))


def test_the_methods_of_the_literature_have_a_recipe() -> None:
    wanted = (
        "grpo gigpo hgpo salt graphgpo g2po graft igpo gated arpo_branching arpo_replay dapo gspo dr_grpo "
        "starpo_s otc llds scaling_inter grpo_search grpo_shopping gigpo_search gigpo_shopping gigpo_tree"
    )
    assert set(wanted.split()) <= set(recipe.shipped())
    assert {recipe.load(name).credit.name for name in recipe.shipped()} <= set(credits.names())


def test_recipes_are_no_copies() -> None:
    """What most recipes share stands in one of them; the others say what they change."""
    folder = Path(rundir.__file__).parent / "recipes"
    extending = [file for file in folder.glob("*.toml") if "\nextends = " in file.read_text()]
    assert len(extending) >= 18
    assert all(len(file.read_text().splitlines()) <= 50 for file in extending)
