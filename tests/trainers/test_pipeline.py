"""From trajectories to an advantage for each token that learns."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from turnwise.agents.policies import Policy
from turnwise.agents.policies.random import RandomPolicy
from turnwise.agents.tiny.model import TinyConfig, TinyLM
from turnwise.agents.types import Generation, Trajectory, Turn
from turnwise.trainers import credit as credits
from turnwise.trainers import weights
from turnwise.trainers.assign import Assigned, Assigner, trainable
from turnwise.trainers.credit import Credit, TurnTable, register
from turnwise.trainers.learner.config import OptimConfig
from turnwise.trainers.learner.reference import frozen
from turnwise.trainers.learner.update import Learner
from turnwise.trainers.objective_config import ObjectiveConfig
from turnwise.trainers.recipe import from_tables
from turnwise.trainers.rollouts import annotators
from turnwise.trainers.rollouts.annotators import Annotated

SIZES = TinyConfig(
    vocab_size=16,
    hidden_size=8,
    num_layers=1,
    num_heads=1,
    num_kv_heads=1,
    intermediate_size=8,
    max_positions=32,
)


@annotators.register("test_fails_the_best")
async def fails_the_best(trajectories: Sequence[Trajectory], policy: Policy) -> Annotated:
    """Annotate all but the episode of the highest return."""
    best = max(range(len(trajectories)), key=lambda place: trajectories[place].episode_return)
    columns = {"mark": [[1.0] * len(trajectory.turns) for trajectory in trajectories]}
    return Annotated(columns, failed={best: "the judge is away"})


@register("test_numbered_tokens")
def numbered_tokens(table: TurnTable) -> Credit:
    """Give token i of row r the number 10 r + i."""
    lengths = table.numbers("num_tokens").astype(int)
    tokens = [10.0 * row + np.arange(length) for row, length in enumerate(lengths)]
    return Credit(np.arange(len(table)) * 1.0, tokens=tokens)


def episode(group: str, reward: float, supports: list[tuple], end: str = "terminated") -> Trajectory:
    turns = []
    for index, support in enumerate(supports):
        tokens = tuple(5 for _ in support)
        generation = Generation("", (1, 2), tokens, tuple(-0.5 for _ in support), support)
        turns.append(Turn(index, "o", f"s{index}", "a", reward, "n", generation=generation))
    return Trajectory("e", "t", 0, group, tuple(turns), end)  # type: ignore[arg-type]


def assigner(**tables: dict[str, Any]) -> Assigner:
    recipe = from_tables(tables)
    return Assigner.of(recipe.reward, recipe.credit, recipe.advantage, recipe.weights, recipe.plan)


def assign(played: list[Trajectory], **tables: dict[str, Any]) -> Assigned:
    chosen = assigner(**tables)
    return chosen.assign(played, chosen.pack(played), {}, None)


def test_token_credit_reaches_its_own_token() -> None:
    free, forced = (4, 5), (5,)
    played = [episode("a", 1.0, [(free, forced, free), (forced, free)]), episode("a", 0.0, [(free,)])]
    chosen = assigner(credit={"name": "test_numbered_tokens"}, weights={"name": "tokens"})
    batch = chosen.pack(played)
    assert chosen.assign(played, batch, {}, None).advantage_N.tolist() == [0.0, 2.0, 11.0, 20.0]
    assert batch.num_forced == 2
    assert "tokens" in weights.names()


def test_rewards_are_scaled_and_advantages_transformed_in_order() -> None:
    played = [episode("a", 1.0, [(None,)]), episode("a", 0.0, [(None,)])]
    assigned = assign(
        played,
        credit={"name": "grpo", "epsilon": 0.0},
        reward={"scale": 10.0},
        advantage={"transforms": [{"name": "scale", "factor": 10.0}, {"name": "clip", "limit": 5.0}]},
    )
    assert assigned.table.reward.tolist() == [10.0, 0.0]
    assert assigned.advantage_N.tolist() == [5.0, -5.0]


def test_kl_to_the_reference_is_taken_from_the_reward() -> None:
    model = TinyLM(SIZES, seed=0)
    one = Learner(model, OptimConfig(), ObjectiveConfig(), reference=frozen(TinyLM(SIZES, seed=1)))
    played = [episode("a", 1.0, [(None, None)]), episode("a", 0.0, [(None,)])]
    chosen = assigner(credit={"name": "grpo"}, reward={"kl_coef": 0.1})
    batch = chosen.pack(played)
    reference_N = one.reference_logprobs(batch)
    k1 = -0.5 - reference_N
    assigned = chosen.assign(played, batch, {}, reference_N)
    assert assigned.table.reward.tolist() == pytest.approx([1.0 - 0.1 * (k1[0] + k1[1]), -0.1 * k1[2]])


@pytest.mark.parametrize("when", ["played", "annotated"])
def test_a_member_that_failed_is_in_no_mean_and_gets_exactly_0(when: str) -> None:
    group = [episode("a", reward, [(None,)]) for reward in (1.0, 3.0, 2.0)]
    group.append(episode("a", 100.0, [(None,)], end="error" if when == "played" else "terminated"))
    if when == "annotated":
        group, figures = asyncio.run(annotators.get("test_fails_the_best").apply(group, RandomPolicy()))
        assert figures["annotate/test_fails_the_best/failed"] == 1.0
        assert (group[3].counts, group[3].error) == (
            False,
            "annotator test_fails_the_best: the judge is away",
        )
    table = TurnTable.from_trajectories(group)
    assert credits.get("dr_grpo")(table).advantage.tolist() == [-1.0, 1.0, 0.0, 0.0]
    assigned = assign(trainable(group, allow_single=False), credit={"name": "dr_grpo"})
    assert assigned.advantage_N.tolist() == [-1.0, 1.0, 0.0]


def test_no_estimator_gives_anything_to_a_member_that_failed() -> None:
    group = [episode("a", reward, [(None,), (None,)]) for reward in (1.0, 3.0, 2.0)]
    failed = episode("a", 100.0, [(None,), (None,)], end="error")
    for name in ("grpo", "rloo", "dr_grpo", "reinforce_pp", "gigpo", "hgpo", "salt", "broadcast", "graft"):
        method = credits.get(name)
        without = method(TurnTable.from_trajectories(group)).advantage
        with_it = method(TurnTable.from_trajectories([*group, failed])).advantage
        np.testing.assert_allclose(with_it[:6], without, rtol=0, atol=1e-12, err_msg=name)
        assert with_it[6:].tolist() == [0.0, 0.0], name


def test_what_cannot_be_compared_is_left_out() -> None:
    played = [
        episode("a", 1.0, [(None,)]),
        episode("a", 0.0, [(None,)]),
        episode("b", 1.0, [(None,)]),
        episode("b", 0.0, [(None,)], end="error"),
        episode("c", 0.0, []),
    ]
    assert trainable(played, allow_single=False) == played[:2]
    assert trainable(played, allow_single=True) == played[:3]


def test_tokens_are_compared_with_the_reference_where_they_were_sampled() -> None:
    """Two turns of 3 and 2 tokens, the middle one and the last forced; credit and packing agree on places."""
    forced = ((None, (5,), None), (None, (5,)))
    batch = [episode("g", 1.0, list(forced))]
    lol = assigner(credit={"name": "alol", "weight": "token", "clip": 0.0}, weights={"name": "tokens"})
    packed = lol.pack(batch)
    assert lol.needs_reference
    found = lol.against_reference(batch, packed, np.array([0.1, 0.2, 0.3]))
    assert [turn.tolist() for turn in found["log_ratio"]] == [[0.1, 0.0, 0.2], [0.3, 0.0]]
    assert [turn.tolist() for turn in found["sampled"]] == [[1.0, 0.0, 1.0], [1.0, 0.0]]
    assigned = lol.assign(batch, packed, {"value": np.zeros(2), **found}, None)
    # the return is 2: the reward of both turns
    np.testing.assert_allclose(assigned.advantage_N, 2.0 * np.exp([0.1, 0.2, 0.3]))
