"""Runs on stored episodes: nothing is played, they go on bit for bit, and they learn what they should."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from small_recipes import TINY, small

import turnwise
from turnwise.agents.tiny.policy import load_policy
from turnwise.agents.types import GenerationRequest
from turnwise.errors import TrainingError, UsageError
from turnwise.trainers.offline.prepare import prepare
from turnwise.trainers.offline.store import Store
from turnwise.trainers.recipe import Recipe
from turnwise.trainers.runs.log import read_log
from turnwise.trainers.runs.state import RunState
from turnwise.trainers.train import train
from turnwise.trainers.warmstart.warmstart import warm_start

Lights = Callable[..., Recipe]
FIGURES = {"oreo": "credit/error", "alol": "credit/kept", "filtered_cloning": "credit/cloned"}


@pytest.fixture(scope="module")
def made() -> dict[str, Path]:
    """Hold what the first test that needs it has made."""
    return {}


def clumsy(request: GenerationRequest) -> str:
    """Push the right button, or on every third task the first one."""
    buttons = request.admissible or ()
    right = next(button for button in buttons if f"{button.split()[1]}." in request.observation)
    return buttons[0] if request.key[1] % 3 == 0 else right


@pytest.fixture
def stored(made: dict[str, Path], lights_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an evaluation of an agent that loses some: every group of one, no tokens."""
    if "stored" not in made:
        made["stored"] = tmp_path_factory.mktemp("stored") / "clumsy"
        turnwise.evaluate(f"{lights_file}:Lights", clumsy, episodes=24, out=made["stored"])
    return made["stored"]


@pytest.fixture
def policy(made: dict[str, Path], lights: Lights, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return a policy that has learned to read, and nothing else."""
    if "policy" not in made:
        made["policy"] = tmp_path_factory.mktemp("policy") / "warm"
        warm_start(lights(warmstart={"max_steps": 3}), made["policy"])
    return str(made["policy"])


def offline(name: str, policy: str, stored: Path, num_updates: int, **kept: Any) -> Recipe:
    """Return a shipped recipe in small, that could not play an episode, were it to try."""
    recipe = small(name, "nowhere/none-v0", TINY, num_updates, plain=True)
    return replace(
        recipe,
        policy=replace(recipe.policy, checkpoint=policy),
        offline=replace(recipe.offline, trajectories=(str(stored),), batch_size=16, **kept),
        rollout=replace(recipe.rollout, max_episode_tokens=256),
        optim=replace(recipe.optim, num_minibatches=1, learning_rate=5e-3, warmup_updates=0),
        critic=replace(recipe.critic, first_updates=min(1, recipe.critic.first_updates)),
        train=replace(recipe.train, save_every=1),
    )


def weights(run: Path, update: int) -> dict[str, torch.Tensor]:
    return load_file(run / "checkpoints" / f"update-{update:06d}" / "policy" / "model.safetensors")


@pytest.mark.parametrize("name", FIGURES)
def test_a_recipe_goes_on_bit_for_bit_without_its_sources(
    name: str, policy: str, stored: Path, tmp_path: Path
) -> None:
    whole = train(offline(name, policy, stored, 3, keep="all"), tmp_path / "whole")
    assert (whole.update, whole.num_tokens) == (3, 0)
    copied = shutil.copytree(stored, tmp_path / "copied")
    train(offline(name, policy, copied, 1, keep="all"), tmp_path / "parts")
    shutil.rmtree(copied)
    train(offline(name, policy, copied, 3, keep="all"), tmp_path / "parts", resume=True)
    one, other = weights(tmp_path / "whole", 3), weights(tmp_path / "parts", 3)
    assert all(torch.equal(one[tensor], other[tensor]) for tensor in one)
    assert not (tmp_path / "whole" / "trajectories").exists()
    log = read_log(tmp_path / "whole")
    assert [entry["offline/epoch"] for entry in log] == [0.0, 0.0, 1.0]
    assert all(FIGURES[name] in entry for entry in log)
    assert [bool(entry.get("grad_norm")) for entry in log] == [name != "alol", True, True]


def test_an_interrupted_run_saves_the_last_whole_update(policy: str, stored: Path, tmp_path: Path) -> None:
    """As Ctrl-C does it, a task is cancelled; without a rollout nothing else in a run gives way."""

    async def cut_short(run: Coroutine[Any, Any, RunState]) -> RunState:
        task = asyncio.ensure_future(run)
        while not any(tmp_path.glob("run/checkpoints/update-000001/*")):
            await asyncio.sleep(0)
        task.cancel()
        return await task

    with pytest.raises(asyncio.CancelledError):
        recipe = offline("filtered_cloning", policy, stored, 9)
        train(recipe, tmp_path / "run", run=lambda whole: asyncio.run(cut_short(whole)))
    done = sorted(folder.name for folder in (tmp_path / "run" / "checkpoints").iterdir())
    assert done[-1] in ("update-000001", "update-000002")
    assert len(read_log(tmp_path / "run")) == int(done[-1][-1])


def likelihood(folder: Path, place: Path) -> float:
    """Return the mean log-probability that a policy gives to what was said in the episodes that were won."""
    found, scorer = Store(place), load_policy(folder)
    numbers = [number for number, won in enumerate(found.index.won_E.tolist()) if won == 1]
    said = [turn.generation for number in numbers for turn in found.read(number).turns]
    assert said

    async def score() -> list[float]:
        return [sum(await scorer.score(each.prompt_ids, each.token_ids)) for each in said]

    return sum(asyncio.run(score())) / len(said)


def test_what_was_won_becomes_likelier(policy: str, stored: Path, tmp_path: Path) -> None:
    train(offline("filtered_cloning", policy, stored, 4), tmp_path / "run")
    best = tmp_path / "run" / "checkpoints" / "update-000004" / "policy"
    assert likelihood(best, tmp_path / "run") > likelihood(Path(policy), tmp_path / "run") + 0.1
    assert {entry["success_rate"] for entry in read_log(tmp_path / "run")} == {1.0}


def test_a_policy_is_made_from_what_is_stored_where_none_is_named(stored: Path, tmp_path: Path) -> None:
    recipe = offline("filtered_cloning", "", stored, 1)
    recipe = replace(recipe, warmstart=replace(recipe.warmstart, max_steps=2))
    assert train(recipe, tmp_path / "run").update == 1
    assert (tmp_path / "run" / "warmstart" / "model.safetensors").is_file()
    chats = tmp_path / "chats.jsonl"
    chats.write_text('{"messages": [{"role": "user", "content": "x"}], "reward": 1}\n')
    foreign = replace(recipe, offline=replace(recipe.offline, trajectories=(str(chats),)))
    with pytest.raises(UsageError, match="no policy can be made from chats"):
        train(foreign, tmp_path / "foreign")
    assert not (tmp_path / "foreign").exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sampling": {"steps": [{"name": "variance"}]}}, r"sampling.steps with offline.trajectories"),
        ({"offline": {"trajectories": ["nowhere"]}}, r"nowhere: there is no such file or folder"),
        ({"offline": {"required": True}}, r"name them with --from"),
    ],
)
def test_what_does_not_fit_is_refused_before_anything_is_written(
    changes: dict[str, Any], message: str, lights: Lights, tmp_path: Path
) -> None:
    values = {"offline": {"trajectories": ["."]}, **changes}
    with pytest.raises(UsageError, match=message):
        train(lights(**values), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_nothing_won_is_said_and_the_folder_is_free_again(policy: str, tmp_path: Path) -> None:
    place = tmp_path / "lost.jsonl"
    place.write_text(
        '{"messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": "y"}], '
        '"reward": 0, "success": false}\n'
    )
    with pytest.raises(TrainingError, match="none of 1 episodes was won"):
        train(offline("filtered_cloning", policy, place, 1), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_an_interruption_while_episodes_are_read_leaves_nothing(
    policy: str, stored: Path, tmp_path: Path
) -> None:
    recipe, run, speaks = offline("oreo", policy, stored, 1), tmp_path / "run", load_policy(policy)

    async def interrupted() -> None:
        task = asyncio.ensure_future(
            prepare(recipe, run, speaks, lambda text, share: task.cancel(), lambda text: None)
        )
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(interrupted())
    assert list(run.iterdir()) == []
    told: list[str] = []
    found = asyncio.run(prepare(recipe, run, speaks, lambda text, share: None, told.append))
    assert len(found.index) == found.about["with tokens made from words"] == 24
    assert told == ["learning from stored episodes: 24 episodes, 72 turns, 24 with tokens made from words"]
