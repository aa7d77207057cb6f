"""Several agents in one table: each is compared with itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import turnwise.credit as credit
from turnwise.credit import Credit, TurnTable
from turnwise.errors import TableError

EXACT: dict[str, Any] = {"rtol": 0, "atol": 1e-12}
GROUPED = [
    name for name in credit.names() if not credit.get(name).heads and not credit.get(name).tells_agents
]
WHOLE_BATCH = {"reinforce_pp", "reinforce_pp_baseline", "single_stream", "bnpo", "gdpo", "dvao"}
"""What one agent is given depends on all of the batch, and so on the other's turns."""


def game(results: list[float], **changed: Any) -> TurnTable:
    """Return a group of zero-sum games: A and B move twice each, A wins what B loses."""
    num = len(results)
    columns: dict[str, Any] = {
        "group": ["g"] * 4 * num,
        "trajectory": [game for game in range(num) for _ in range(4)],
        "reward": [earned for result in results for earned in (0.0, 0.0, result, -result)],
        "agent": ["A", "B"] * 2 * num,
        "state_key": ["a0", "b0", "a1", "b1"] * num,
        "next_state_key": ["b0", "a1", "b1", "over"] * num,
        "action": [f"move {result}" for result in results for _ in range(4)],
        "num_tokens": [1] * 4 * num,
        "gold_prob": [0.5] * 4 * num,
        "tool_calls": [1] * 4 * num,
    }
    return TurnTable.from_columns(**{**columns, **changed})


def alone(agent: str, results: list[float]) -> TurnTable:
    """Return the games as one agent sees them."""
    place = "AB".index(agent)
    won = [result if agent == "A" else -result for result in results]
    num = len(results)
    return TurnTable.from_columns(
        group=["g"] * 2 * num,
        trajectory=[game for game in range(num) for _ in range(2)],
        reward=[earned for result in won for earned in (0.0, result)],
        state_key=[f"{agent.lower()}{turn}" for _ in results for turn in range(2)],
        next_state_key=[after for _ in results for after in (f"{agent.lower()}1", ["b1", "over"][place])],
        action=[f"move {result}" for result in results for _ in range(2)],
        num_tokens=[1] * 2 * num,
        gold_prob=[0.5] * 2 * num,
        tool_calls=[1] * 2 * num,
    )


@pytest.mark.parametrize("name", ["grpo", "rloo", "dr_grpo", "broadcast"])
def test_what_one_agent_won_the_other_lost(name: str) -> None:
    params = {} if name in ("rloo", "dr_grpo") else {"epsilon": 0.0}
    found = credit.get(name)(game([1.0, -1.0]), **params).advantage
    # A: returns 1 and -1; B: -1 and 1. Leave-one-out 2, centred 1, over the deviation sqrt 2
    side = {"rloo": 2.0, "dr_grpo": 1.0}.get(name, 1 / np.sqrt(2))
    np.testing.assert_allclose(found, [side, -side] * 2 + [-side, side] * 2, **EXACT)


@pytest.mark.parametrize("name", [name for name in GROUPED if name not in WHOLE_BATCH])
def test_each_agent_is_given_what_it_would_be_given_alone(name: str) -> None:
    results = [1.0, -1.0, 1.0]
    together = credit.get(name)(game(results))
    for place, agent in enumerate("AB"):
        by_itself = credit.get(name)(alone(agent, results))
        np.testing.assert_allclose(together.advantage[place::2], by_itself.advantage, **EXACT)
        if together.tokens is not None and by_itself.tokens is not None:
            mine = together.tokens[place::2]
            np.testing.assert_allclose(np.concatenate(mine), np.concatenate(by_itself.tokens), **EXACT)


@pytest.mark.parametrize("name", ["reinforce_pp", "reinforce_pp_baseline"])
def test_returns_to_go_are_the_agents_own(name: str) -> None:
    found = credit.get(name)(game([1.0, -1.0]), epsilon=0.0).advantage
    # 8 tokens with 1, -1, 1, -1 | -1, 1, -1, 1: mean 0, variance 8 / 7
    side = np.sqrt(7 / 8)
    np.testing.assert_allclose(found, [side, -side] * 2 + [-side, side] * 2, **EXACT)


def test_a_return_that_is_given_is_the_teams() -> None:
    team = game([0.0, 0.0], episode_return=[3.0] * 4 + [1.0] * 4)
    np.testing.assert_allclose(credit.dr_grpo(team).advantage, [1.0] * 4 + [-1.0] * 4, **EXACT)


def test_mars_and_methods_with_critics_see_the_turns_as_they_came() -> None:
    assert credit.mars.tells_agents
    values = [0.0, 2.0, 0.0, 0.0]
    found = credit.turn_ppo(game([1.0], value=values), gamma=1.0, lam=0.0)
    np.testing.assert_allclose(found.advantage, [2.0, -2.0, 1.0, -1.0], **EXACT)


def test_errors_name_the_agent() -> None:
    def endless(table: TurnTable) -> Credit:
        return Credit(np.where(table.reward > 0, np.inf, 0.0))

    method = credit.Estimator("credit estimator", "endless", endless, {})
    with pytest.raises(TableError, match=r"trajectory '0, agent A', turn 1"):
        method(game([1.0, -1.0]))


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.lists(st.tuples(st.sampled_from("AB"), st.integers(-3, 3)), min_size=1, max_size=6),
        min_size=2,
        max_size=5,
    )
)
def test_leave_one_out_of_each_agent(paths: list[list[tuple[str, int]]]) -> None:
    table = TurnTable.from_columns(
        group=["g"] * sum(map(len, paths)),
        trajectory=[place for place, path in enumerate(paths) for _ in path],
        reward=[float(earned) for path in paths for _, earned in path],
        agent=[agent for path in paths for agent, _ in path],
    )
    own = [{a: sum(e for b, e in path if b == a) for a, _ in path} for path in paths]
    expected = []
    for place, path in enumerate(paths):
        for agent, _ in path:
            others = [mine[agent] for k, mine in enumerate(own) if k != place and agent in mine]
            expected.append(own[place][agent] - np.mean(others) if others else 0.0)
    np.testing.assert_allclose(credit.rloo(table).advantage, expected, rtol=0, atol=1e-9)
