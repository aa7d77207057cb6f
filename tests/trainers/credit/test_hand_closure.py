"""CRBC, GraphHCA, GAGPO, RTMC and VETTA by hand, and the values on a graph against sweeps over it."""

from __future__ import annotations

from math import log, sqrt
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import turnwise.credit as credit
from turnwise.credit import TurnTable
from turnwise.errors import TableError, UnknownName, UsageError


def table(paths: list[str], won: list[float], **columns: Any) -> TurnTable:
    """Build a table of one group; a path is its states and actions by turns, the reward comes last."""
    steps = [path.split() for path in paths]
    return TurnTable.from_columns(
        group=["g"] * sum(len(own) // 2 for own in steps),
        trajectory=[name for name, own in enumerate(steps) for _ in own[::2]],
        reward=[
            won[name] if place == len(own) // 2 - 1 else 0.0
            for name, own in enumerate(steps)
            for place in range(len(own) // 2)
        ],
        state_key=[state for own in steps for state in own[::2]],
        action=[action for own in steps for action in own[1::2]],
        **columns,
    )


# gamma 1/2. V(X) = (1/2 + 0) / 2 = 1/4, V(Y) = (1/8 + 0) / 2 = 1/16, V(S) = (1/8 + 1/32 + 1/32) / 3 = 1/16
THREE = ["S a X b", "S c Y d X e", "S c Y f"]
VALUES = [1 / 16, 1 / 4, 1 / 16, 1 / 16, 1 / 4, 1 / 16, 1 / 16]
EPISODES = [2 / 3 * sqrt(3)] * 2 + [-1 / 3 * sqrt(3)] * 5  # of returns 1, 0, 0, deviation 1 / sqrt(3)


def test_crbc_propagates_what_others_found() -> None:
    result = credit.crbc(table(THREE, [1, 0, 0]), gamma=0.5, floor=0.01, epsilon=0.0)
    np.testing.assert_allclose(result.parts["node_value"], VALUES, atol=1e-12)
    # Q(S, a) = 1/8, Q(S, c) = 1/32 twice; sigma^2 = (1/3) (1/16)^2 + (2/3) (1/32)^2 = 2 / 32^2
    s, c = sqrt(2), -1 / sqrt(2)
    np.testing.assert_allclose(result.parts["step_advantage"], [s, 1, c, 1, -1, c, -1], atol=1e-12)
    np.testing.assert_allclose(result.parts["episode_advantage"], EPISODES, atol=1e-12)
    step, episode = result.parts["step_advantage"], result.parts["episode_advantage"]
    np.testing.assert_allclose(result.advantage, episode + 5 * step, atol=1e-12)
    assert result.figures == {"compared": 1.0}
    # the floor of 0.1 is above sigma in S and in Y (1/16), not in X (1/4)
    floored = credit.crbc(table(THREE, [1, 0, 0]), gamma=0.5, episode_weight=2.0, step_weight=3.0)
    step = np.array([0.625, 1, -0.3125, 0.625, -1, -0.3125, -0.625])
    np.testing.assert_allclose(floored.advantage, 2 * np.array(EPISODES) + 3 * step, atol=1e-5)


def test_crbc_solves_a_loop_and_knows_success_from_reward() -> None:
    # V = (V / 2 + 1 / 2) / 2 = 1 / 3; Q(a) = 1/6, Q(b) = 1/2, sigma = 1/6. No other episode: A_episode 0
    result = credit.crbc(table(["S a S b"], [7.0]), gamma=0.5, step_weight=1.0)
    np.testing.assert_allclose(result.parts["action_value"], [1 / 6, 1 / 2], atol=1e-12)
    np.testing.assert_allclose(result.advantage, [-1, 1], atol=1e-12)
    lost = credit.crbc(table(["S a S b"], [7.0], success=[False, False]))
    assert lost.advantage.tolist() == [0.0, 0.0]
    assert lost.figures == {"compared": 0.0}


def test_crbc_charges_an_invalid_turn_in_the_term_of_the_episode() -> None:
    # scores by first rows 1 - 0.5 and 0: mean 1/4; the turns of the first: 1/4, 3/4
    batch = table(["S a X b", "S a X c"], [1, 0], valid=[False, True, True, True])
    result = credit.crbc(batch, gamma=0.5, mode="mean", step_weight=0.0, invalid_penalty=0.5)
    np.testing.assert_allclose(result.advantage, [0.25, 0.75, -0.25, -0.25], atol=1e-12)


def test_graphhca_compares_the_logarithms_of_what_actions_lead_to() -> None:
    batch = table(THREE, [1, 0, 0])
    result = credit.graphhca(batch, gamma=0.5, epsilon=0.0)
    np.testing.assert_allclose(result.parts["node_value"], VALUES, atol=1e-12)
    low = log(0.01)
    scores = [log(4), -log(1 / 4), 0, log(4), low - log(1 / 4), 0, low - log(1 / 16)]
    np.testing.assert_allclose(result.parts["step_score"], scores, atol=1e-12)
    # in S log 4, 0, 0: mean log 4 / 3, deviation log 4 / sqrt(3); elsewhere two values
    pair = 1 / sqrt(2)
    step = [2 / 3 * sqrt(3), pair, -1 / 3 * sqrt(3), pair, -pair, -1 / 3 * sqrt(3), -pair]
    np.testing.assert_allclose(result.parts["step_advantage"], step, atol=1e-12)
    weighted = credit.graphhca(batch, gamma=0.5, epsilon=0.0, step_weight=3.0)
    np.testing.assert_allclose(weighted.advantage, np.array(EPISODES) + 3 * np.array(step), atol=1e-12)


def test_graphhca_floors_what_never_succeeds_and_charges_in_the_episode() -> None:
    batch = table(["S a X b", "S c"], [0, 0], valid=[False, True, True])
    result = credit.graphhca(batch, invalid_penalty=0.5, mode="mean")
    assert result.parts["step_score"].tolist() == [0.0, 0.0, 0.0]  # log floor - log floor
    assert result.figures == {"compared": 0.0, "floored": 1.0}
    np.testing.assert_allclose(result.advantage, [-0.25, 0.25, 0.25], atol=1e-12)


def test_gagpo() -> None:
    # gamma 1/2: returns 1/2, 1 | 0, 0; V(S) = 1/4, V(X) = 1/2; deltas 0, 1/2 | 0, -1/2; decay 1/4
    batch = table(["S a X b", "S c X d"], [1, 0])
    result = credit.gagpo(batch, gamma=0.5, lam=0.5, mode="mean")
    np.testing.assert_allclose(result.parts["node_value"], [1 / 4, 1 / 2, 1 / 4, 1 / 2], atol=1e-12)
    np.testing.assert_allclose(result.parts["delta"], [0, 1 / 2, 0, -1 / 2], atol=1e-12)
    np.testing.assert_allclose(result.advantage, [1 / 8, 1 / 2, -1 / 8, -1 / 2], atol=1e-12)
    assert result.figures == {"shared": 1.0}
    scaled = credit.gagpo(batch, gamma=0.5, lam=0.5, epsilon=0.0)
    np.testing.assert_allclose(scaled.advantage, result.advantage / sqrt(17 / 96), atol=1e-12)
    by_state = credit.gagpo(batch, gamma=0.5, lam=0.5, normalise="state", epsilon=0.0)
    np.testing.assert_allclose(by_state.advantage, np.array([1, 1, -1, -1]) / sqrt(2), atol=1e-12)


def test_gagpo_charges_the_reward_and_takes_rounding_for_nothing() -> None:
    batch = table(["S a X b"] * 2, [1, 1], valid=[True, True, False, True])
    # returns 1/2, 1 | 1/2 - 1, 1: V(S) = 0, V(X) = 1: deltas 1/2, 0 | -1/2, 0
    charged = credit.gagpo(batch, gamma=0.5, mode="mean", invalid_penalty=1.0)
    np.testing.assert_allclose(charged.advantage, [1 / 2, 0, -1 / 2, 0], atol=1e-12)
    same = table(["a x b y c z d v"] * 3, [0.1] * 3)
    assert credit.gagpo(same, gamma=0.7).advantage.tolist() == [0.0] * 12
    with pytest.raises(UnknownName, match="value of normalise 'groups': did you mean 'group'"):
        credit.gagpo(same, normalise="groups")


def test_rtmc_knows_a_state_by_what_was_done_in_whatever_order() -> None:
    # gamma 1/2, two visits of the mean 1/2. {}: Q(a) 1/4, Q(b) 0, V = (1/4 + 1) / 4 = 5/16.
    # {a}: Q 1/2, V = (1/2 + 1) / 3. {b}: Q 0, V = 1/3. {a, b}: Q(c) 1, Q(d) 0, V = (1 + 1) / 4
    batch = table(["S a T b U c", "S b V a W d"], [1, 0])
    result = credit.rtmc(batch, gamma=0.5, normalise=False)
    expected = np.array([-1 / 16, 0, 1 / 2, -5 / 16, -1 / 3, -1 / 2])
    np.testing.assert_allclose(result.advantage, expected, atol=1e-12)
    np.testing.assert_allclose(credit.rtmc(batch, gamma=0.5).advantage, expected / expected.std(), atol=1e-12)
    # by keys S alone is shared
    by_key = credit.rtmc(batch, gamma=0.5, states="key", normalise=False).advantage
    np.testing.assert_allclose(by_key, [-1 / 16, 0, 1 - 2 / 3, -5 / 16, -1 / 3, -1 / 3], atol=1e-12)
    plain = credit.rtmc(batch, gamma=0.5, prior=0.0, normalise=False).advantage
    np.testing.assert_allclose(plain, [1 / 8, 0, 1 / 2, -1 / 8, 0, -1 / 2], atol=1e-12)


def test_rtmc_counts_the_first_visit_and_the_group_alone() -> None:
    # ({a}, a) is visited twice by the first: its first visit returned 1/2. {}: Q = 1/8, V = 5/16
    batch = table(["S a S a S a", "S a"], [1, 0])
    result = credit.rtmc(batch, gamma=0.5, normalise=False)
    np.testing.assert_allclose(result.advantage, [-3 / 16, 0, 0, -3 / 16], atol=1e-12)
    assert result.parts["visits"].tolist() == [2, 1, 1, 2]
    assert result.figures == {"shared": 0.5}
    apart = TurnTable.from_columns(
        group=["g", "g", "h", "h"], trajectory=[0, 1, 2, 3], reward=[1.0, 0, 0, 0], action=["a"] * 4
    )
    # g: Q = 1/2 = V; h: all earn the same
    assert credit.rtmc(apart, normalise=False).advantage.tolist() == [0.0] * 4
    assert credit.rtmc(apart).parts["node_value"].tolist() == [0.5, 0.5, 0.0, 0.0]


def test_rtmc_compares_first_words_and_charges_invalid_turns() -> None:
    batch = TurnTable.from_columns(
        group=["g"] * 2,
        trajectory=[0, 1],
        reward=[1.0, 0.0],
        action=["edit a.py x", "edit a.py y"],
        valid=[True, False],
    )
    apart = credit.rtmc(batch, prior=0.0, normalise=False)
    assert apart.advantage.tolist() == [0.5, -0.5]
    merged = credit.rtmc(batch, prior=0.0, words=2, normalise=False, invalid_penalty=0.25)
    assert merged.advantage.tolist() == [0.0, -0.25]
    with pytest.raises(UsageError, match="words=-1; expected 0"):
        credit.rtmc(batch, words=-1)


def test_vetta_spreads_the_turn_over_its_tokens() -> None:
    batch = TurnTable.from_columns(
        group=["g"] * 2,
        trajectory=[0, 0],
        reward=[0.0, 1.0],
        num_tokens=[2, 1],
        value=[1 / 2, 1 / 4],
        token_values=[[1.0, 1 / 2], [1 / 4]],
    )
    result = credit.vetta(batch, gamma=0.5, lam=0.5, token_gamma=0.5, token_lam=1.0, alpha=2.0)
    # turns: 3/4; -3/8 + 1/4 * 3/4 = -3/16. Tokens: 3/4; -3/8 + 3/8 = 0; -3/4 + 0
    np.testing.assert_allclose(result.advantage, [-3 / 16, 3 / 4], atol=1e-12)
    assert result.tokens is not None
    assert result.targets is not None
    np.testing.assert_allclose(result.tokens[0], [-3 / 16 - 3 / 4, -3 / 16 + 3 / 4], atol=1e-12)
    np.testing.assert_allclose(result.tokens[1], [3 / 4], atol=1e-12)
    np.testing.assert_allclose(result.targets["turn"], [5 / 16, 1], atol=1e-12)
    assert result.figures["inside"] == pytest.approx(sqrt(2 * (3 / 4) ** 2 / 3))
    np.testing.assert_allclose(np.concatenate(result.targets["token"]), [1 / 4, 1 / 2, 1], atol=1e-12)
    charged = credit.vetta(
        batch.with_columns().with_rewards(batch.reward), gamma=0.5, lam=0.5, invalid_penalty=1.0
    )
    np.testing.assert_allclose(charged.advantage, result.advantage, atol=1e-12)  # every turn is valid


def test_vetta_keeps_trajectories_apart_and_charges_the_reward() -> None:
    batch = TurnTable.from_columns(
        group=["g"] * 2,
        trajectory=[0, 1],
        reward=[0.0, 1.0],
        valid=[False, True],
        num_tokens=[1, 1],
        value=[0.0, 0.0],
        token_values=[[0.0], [0.0]],
    )
    result = credit.vetta(batch, invalid_penalty=0.5)
    assert result.advantage.tolist() == [-0.5, 1.0]
    assert result.targets is not None
    assert np.concatenate(result.targets["token"]).tolist() == [-0.5, 1.0]
    with pytest.raises(TableError, match="vetta needs column 'num_tokens'"):
        credit.vetta(table(["S a"], [1.0], value=[0.0]))


steps = st.tuples(st.sampled_from("abcde"), st.sampled_from("xy"))
batches = st.lists(
    st.tuples(st.sampled_from("gh"), st.lists(steps, min_size=1, max_size=7), st.booleans()),
    min_size=1,
    max_size=6,
)


@settings(max_examples=30, deadline=None)
@given(paths=batches)
def test_crbc_and_graphhca_say_what_sweeps_over_the_graph_say(paths: Any) -> None:
    rows = [(g, place, *step) for place, (g, path, _) in enumerate(paths) for step in path]
    won = [won for _, path, won in paths for _ in path]
    batch = TurnTable.from_columns(
        group=[row[0] for row in rows],
        trajectory=[row[1] for row in rows],
        reward=[0.0] * len(rows),
        state_key=[row[2] for row in rows],
        action=[row[3] for row in rows],
        success=won,
    )
    chance = dict.fromkeys({(g, state) for g, _, state, _ in rows}, 0.0)
    after: list[Any] = [
        rows[k + 1][0::2] if k + 1 < len(rows) and rows[k + 1][1] == rows[k][1] else None
        for k in range(len(rows))
    ]
    for _ in range(200):
        led = [chance[node[0], node[1]] if node else float(won[k]) for k, node in enumerate(after)]
        for node in chance:
            own = [led[k] for k, row in enumerate(rows) if (row[0], row[2]) == node]
            chance[node] = 0.8 * sum(own) / len(own)
    expected = [chance[row[0], row[2]] for row in rows]
    for method in (credit.crbc, credit.graphhca):
        parts = method(batch, gamma=0.8).parts
        np.testing.assert_allclose(parts["node_value"], expected, atol=1e-9)
    centred = credit.crbc(batch, gamma=0.8, episode_weight=0.0)
    sums = np.bincount(centred.parts["step_group"], centred.advantage)
    np.testing.assert_allclose(sums, 0, atol=1e-9)  # in every state the gains over V cancel out
