"""Cloning sees exactly what a rollout will prompt, and learns what it was shown."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from turnwise.agents.rollout import rollout
from turnwise.envs import teacher_of
from turnwise.errors import TrainingError, UsageError
from turnwise.servers.client import connect
from turnwise.trainers.policies import load_trained
from turnwise.trainers.recipe import Recipe
from turnwise.trainers.rollouts.mixture import choices_of
from turnwise.trainers.rollouts.tasks import drawn_picks, train_tasks
from turnwise.trainers.warmstart.demonstrations import collect
from turnwise.trainers.warmstart.encoding import to_tokens
from turnwise.trainers.warmstart.teachers import choose_teacher
from turnwise.trainers.warmstart.warmstart import warm_start

Lights = Callable[..., Recipe]


@pytest.mark.parametrize(
    ("mode", "style"), [("conversation", "plain"), ("window", "plain"), ("window", "tags")]
)
@pytest.mark.parametrize("constraint", ["admissible", "none"])
def test_demonstrations_are_encoded_as_a_rollout_would(
    taught: Lights, tmp_path: Path, mode: str, style: str, constraint: str
) -> None:
    """What a policy said, put through the demonstrations' path, gives the very tokens and supports."""
    recipe = taught(
        warmstart={"max_steps": 5},
        prompt={"mode": mode, "style": style},
        rollout={"constraint": "admissible", "num_groups": 2, "max_tokens": 99 if style == "tags" else 24},
    )
    warm_start(recipe, tmp_path / "warm")
    trained = load_trained(tmp_path / "warm", recipe.policy, recipe.prompt, recipe.rollout)

    async def play() -> list:
        client = connect("local:")
        config = replace(recipe.rollout, drop_info=())
        size, seed = recipe.rollout.group_size, recipe.train.seed
        tasks = train_tasks(drawn_picks(choices_of(recipe.env), [3, 4], size, seed, 0), 0)
        result = await rollout(client, trained.policy, tasks, config, prompt=recipe.prompt)
        await client.aclose()
        await trained.policy.aclose()
        return list(result.trajectories)

    played = asyncio.run(play())
    marked = [
        replace(each, turns=tuple(replace(turn, info={**turn.info, "taught": True}) for turn in each.turns))
        for each in played
    ]
    tokenizer = trained.policy.tokenizer
    encoded = to_tokens(marked, tokenizer, recipe.prompt, constraint, 256)
    for one, two in zip(played, encoded, strict=True):
        assert len(one.turns) == len(two.turns) == 3
        for said, shown in zip(one.turns, two.turns, strict=True):
            if "<think>" in said.generation.text:  # of what was thought a demonstration knows nothing
                continue
            assert shown.generation.prompt_ids == said.generation.prompt_ids
            assert shown.generation.token_ids == said.generation.token_ids
            if constraint == "admissible":
                assert shown.generation.support == said.generation.support
            else:
                assert set(shown.generation.support) == {None}


def test_an_expert_is_cloned(taught: Lights, tmp_path: Path) -> None:
    recipe = taught(warmstart={"episodes": 60, "max_steps": 80, "learning_rate": 5e-3, "slip": 0.1})
    cloned = warm_start(recipe, tmp_path / "warm")
    assert cloned.num_steps == 80
    assert cloned.loss is not None
    assert cloned.loss < 0.3
    assert cloned.accuracy is not None
    assert cloned.accuracy > 0.9
    assert not list(tmp_path.glob(".warm*"))


def test_slips_are_played_but_not_taught(taught: Lights) -> None:
    episodes = collect(taught().env.id, {}, range(30), slip=0.5, max_turns=4)
    turns = [turn for each in episodes for turn in each.turns]
    slipped = [turn for turn in turns if not turn.info["taught"]]
    assert 0.3 < len(slipped) / len(turns) < 0.7
    assert all(turn.reward > 0 for turn in turns if turn.info["taught"])


def test_slips_are_taught_too_where_that_is_asked_for(taught: Lights, tmp_path: Path) -> None:
    episodes = collect(taught().env.id, {}, range(30), slip=0.5, max_turns=4, teach_slips=True)
    assert all(turn.info["taught"] for episode in episodes for turn in episode.turns)
    settings = {"episodes": 60, "max_steps": 120, "learning_rate": 5e-3, "slip": 1.0, "only_won": False}
    cloned = warm_start(taught(warmstart={**settings, "teach_slips": True}), tmp_path / "warm")
    assert cloned.loss is not None and cloned.loss > 1.0  # ln 3 = 1.1: a guess among three buttons


def test_demonstrations_repeat_by_seed(taught: Lights) -> None:
    first, second = (collect(taught().env.id, {}, [5, 6], slip=0.3, max_turns=4) for _ in range(2))
    timeless = [[replace(played, seconds=0.0) for played in episodes] for episodes in (first, second)]
    assert timeless[0] == timeless[1]


def test_teachers_are_chosen_by_what_the_environment_offers() -> None:
    named = teacher_of("household/demo-v0")
    assert choose_teacher("auto", named, {}) == "explorer"
    assert choose_teacher("auto", None, {"expert": "go"}) == "expert"
    assert choose_teacher("auto", None, {}) == "none"
    assert choose_teacher("none", named, {}) == "none"


def test_what_a_teacher_lacks_is_said(lights: Lights, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="gave no info"):
        collect(lights().env.id, {}, [0], teacher="expert")
    with pytest.raises(TrainingError, match="none of 20 demonstrations succeeded"):
        recipe = lights(env={"id": "household/demo-v0"}, rollout={"max_turns": 1}, warmstart={"slip": 0.0})
        warm_start(recipe, tmp_path / "warm")
    assert not (tmp_path / "warm").exists()


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_each_optimizer_learns_what_the_teacher_does(taught: Lights, tmp_path: Path, optimizer: str) -> None:
    settings = {"episodes": 60, "slip": 0.0, "max_steps": 120, "learning_rate": 1e-2, "optimizer": optimizer}
    cloned = warm_start(taught(warmstart=settings), tmp_path / "warm")
    assert cloned.loss is not None and cloned.loss < 0.2  # ln 3 = 1.1 for a guess among three buttons
