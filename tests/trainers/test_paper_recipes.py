"""Every shipped recipe binds; one of each mechanism trains, goes on where it stopped, and logs what it did.

1. As it ships, and by the line of docs/papers.md that gives it a tiny policy: its parts and values found.
2. Two updates with a tiny policy, and the second again from the checkpoint of the first: equal bit for bit.
   `make test` does so with recipes that cover every mechanism once, `make test-recipes` with all.
3. A recipe is run as it is but for its sizes and its policy, on its own environment where it reads what only
   that one tells (gold answers, tiers), else on a game of three turns whose rewards differ.
"""

from __future__ import annotations

import functools
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from small_recipes import OWN_WORLD, TINY, small

from turnwise.envs import make
from turnwise.trainers import recipe
from turnwise.trainers.catalogue.kinds import KINDS
from turnwise.trainers.parts import Named
from turnwise.trainers.recipe import Recipe
from turnwise.trainers.rollouts.mixture import choices_of
from turnwise.trainers.runs import checkpoint
from turnwise.trainers.runs.log import read_log
from turnwise.trainers.sections import ServerSection
from turnwise.trainers.train import train, validate

ROOT = Path(__file__).resolve().parents[2]
RECIPES = ROOT / "trainers" / "recipes"
PAGE = (ROOT / "docs" / "papers.md").read_text()
SMALL_MACHINES = PAGE.partition("## Recipes on a small machine")[2].partition("\n## ")[0]
FIGURES = {
    "sampler dynamic": "sampling/rounds",
    "sampler replay": "sampling/replayed",
    "sampler variance": "sampling/kept",
    "chooser variance": "choosing/uncertainty",
    "chooser vade": "choosing/believed",
    "chooser sgpo": "choosing/sampled",
    "chooser curriculum": "choosing/stage",
    "credit single_stream": "credit/drift",
    "horizon stages": "rollout/horizon",
    "horizon growing": "rollout/horizon",
    "credit turn_ppo": "explained_variance/value",
    "credit archer": "explained_variance/q1",
    "credit hae": "value_loss/v_high",
    "credit poad": "value_loss/token_values",
    "loss hapo": "hapo/factor",
    "loss lp_reg": "lp_reg/rare",
    "loss disco": "disco/gap",
    "loss pacs": "pacs/right",
    "weights gtpo": "weights/silenced",
    "weights duration": "weights/changed",
}
"""By part, where the log tells that it was at work."""
WITHOUT = ["credit td0"]
"""Parts of papers without a recipe: td0 is poad without its trace, kept for comparison."""
BY_THE_CLOCK = {"duration", "agentflow"}
"""Recipes in which seconds on the wall decide, or when programs ask: no run of them is like another."""
CLOCKED = re.compile(r"time/|step_time|seconds|_per_s")


@functools.cache
def shipped(name: str) -> Recipe:
    """Return a recipe as it ships."""
    return recipe.load(name)


def mechanism(kind: str, part: Named[Any]) -> str:
    """Name what two parts share if one run shows both: the room of functions of the table, else the part."""
    module = str(part.function.__module__)
    return module.rpartition(".")[0] if kind in ("credit", "reward") else f"{kind} {part.name}"


@functools.cache
def mechanisms(name: str) -> frozenset[str]:
    """Return what a recipe would show."""
    chosen = shipped(name)
    return frozenset(
        mechanism(kind.name, kind.registry.get(part.name))
        for kind in KINDS
        for part in kind.named(chosen)
        if part.name
    )


def covering() -> list[str]:
    """Return few recipes that show every mechanism: always the one that adds most."""
    left = frozenset().union(*map(mechanisms, names := runnable()))
    chosen = []
    while left:
        best = max(names, key=lambda name: len(mechanisms(name) & left) - dear(name))
        chosen.append(best)
        left -= mechanisms(best)
    return sorted(chosen)


def dear(name: str) -> float:
    """Return what a recipe has to show beyond others to be taken before them: 0 on lights, programs most."""
    return 3.5 if name.startswith("swe_") or shipped(name).harness.command else 0.5 * (name in OWN_WORLD)


def runnable() -> list[str]:
    """Return the recipes that train from play; the others learn from stored episodes."""
    return [name for name in recipe.shipped() if not shipped(name).offline.required]


@pytest.fixture(scope="session")
def policies() -> Iterator[dict[str, str]]:
    """Hold the policy of each environment, made by the first run that needs it.

    For the session: tests of a file can come to a worker in two batches, and the folders stay.
    """
    yield {}


def marks(name: str) -> list[pytest.MarkDecorator]:
    return [pytest.mark.sandbox] if name.startswith("swe_") else []


def figures(run: Path) -> list[dict[str, Any]]:
    """Return the log without what a clock says."""
    return [
        {key: value for key, value in entry.items() if not CLOCKED.search(key)} for entry in read_log(run)
    ]


def two_updates(name: str, lights: Path, run: Path, policies: dict[str, str]) -> dict[str, Any]:
    """Train, and train the second update again from the first's checkpoint; return its line of the log."""
    chosen = small(name, f"{lights}:Lights", TINY, 2, plain=True)
    chosen = replace(chosen, train=replace(chosen.train, save_every=1, keep=2))
    key = f"{chosen.env.id if name in OWN_WORLD else 'lights'} {chosen.prompt.style}"
    if key in policies:
        chosen = replace(chosen, policy=replace(chosen.policy, checkpoint=policies[key]))
    assert train(chosen, run).update == 2
    if key not in policies:
        policies[key] = str(shutil.copytree(run / "warmstart", run.parents[1] / key.replace("/", "-")))
    straight, last = figures(run), checkpoint.latest(run / "checkpoints")
    weights = sorted(last.rglob("*.safetensors"))
    kept = [file.read_bytes() for file in weights]
    assert kept
    shutil.rmtree(last)
    assert train(chosen, run, resume=True).update == 2
    if name not in BY_THE_CLOCK:
        assert figures(run) == straight
        assert [file.read_bytes() for file in weights] == kept
    assert recipe.load(str(run / "recipe.toml")) == chosen
    return straight[-1]


@pytest.mark.parametrize("name", [pytest.param(name, marks=marks(name)) for name in covering()])
def test_a_mechanism_trains_and_goes_on_where_it_stopped(
    name: str, lights_file: Path, tmp_path: Path, policies: dict[str, str]
) -> None:
    entry = two_updates(name, lights_file, tmp_path / "run", policies)
    assert entry["credit/std"] > 0.0 or name in OWN_WORLD
    used = [f"{kind.name} {part.name}" for kind in KINDS for part in kind.named(shipped(name))]
    assert [FIGURES[part] for part in used if part in FIGURES and FIGURES[part] not in entry] == []


@pytest.mark.recipes
@pytest.mark.parametrize("name", [pytest.param(name, marks=marks(name)) for name in runnable()])
def test_a_recipe_trains_and_goes_on_where_it_stopped(
    name: str, lights_file: Path, tmp_path: Path, policies: dict[str, str]
) -> None:
    two_updates(name, lights_file, tmp_path / "run", policies)


def small_machine() -> tuple[str, list[str]]:
    """Return the recipe and the settings of the line for a small machine."""
    (command,) = re.findall(r"    turnwise train ((?:.*\\\n)*.*)\n", SMALL_MACHINES)
    words = command.replace("\\\n", " ").split()
    assert set(words[1::2]) == {"--set"}
    return words[0], words[2::2]


@pytest.mark.parametrize("name", recipe.shipped())
def test_a_recipe_binds_as_it_ships_and_with_a_tiny_policy(name: str) -> None:
    """Only the environments are not made: a server would have them."""
    served = ServerSection(url="http://127.0.0.1:1")
    validate(replace(shipped(name), server=served))
    validate(replace(recipe.load(name, small_machine()[1]), server=served))


def test_the_environments_of_recipes_can_be_made() -> None:
    """Each once, with few products and questions."""
    made = set()
    for name in recipe.shipped():
        for choice in choices_of(shipped(name).env):
            for kwargs in (choice.train_kwargs, choice.eval_kwargs):
                few = {key: 60 for key in ("num_products", "num_questions") if key in kwargs}
                if (key := f"{choice.id} {sorted(kwargs.items())}") not in made:
                    make(choice.id, **kwargs | few).close()
                made.add(key)
    assert len(made) > 10


def test_the_methods_of_the_literature_have_a_recipe() -> None:
    """Whatever its kind: an estimator, a sampler, a loss."""
    named = {
        (kind.name, part.name)
        for name in recipe.shipped()
        for kind in KINDS
        for part in kind.named(shipped(name))
    }
    without = [
        f"{kind.name} {part.name}"
        for kind in KINDS
        for part in kind.shipped
        if part.source and part.source.exact != "ours" and (kind.name, part.name) not in named
    ]
    assert without == WITHOUT


def test_recipes_are_no_copies() -> None:
    """What most recipes share stands in one of them; the others say what they change."""
    extending = [file for file in RECIPES.glob("*.toml") if "\nextends = " in file.read_text()]
    assert len(extending) >= 18
    assert all(len(file.read_text().splitlines()) <= 50 for file in extending)


def test_what_the_page_says_of_small_machines_and_bases(tmp_path: Path) -> None:
    """The line makes the recipe it names a tiny one; one that extends it changes what it says."""
    name, settings = small_machine()
    chosen = recipe.load(name, settings)
    assert (chosen.credit.name, chosen.policy.kind, chosen.rollout.group_size) == ("hgpo", "tiny", 8)
    (text,) = re.findall(r"```toml\n(.*?)```", SMALL_MACHINES, re.S)
    (tmp_path / "mine.toml").write_text(text)
    mine = recipe.load(str(tmp_path / "mine.toml"))
    assert mine.credit.params["history"] == 4
    assert mine.loss == recipe.load("hgpo").loss
