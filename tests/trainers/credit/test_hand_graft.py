"""GRAFT by hand, and against the plain way to say what it computes."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import turnwise.credit as credit
from turnwise.credit import TurnTable
from turnwise.errors import UnknownName

TRACES = pytest.mark.parametrize("trace", ["edges", "trajectory"])


def table(rewards: list[list[float]], **columns: Any) -> TurnTable:
    flat = [(path, reward) for path, own in enumerate(rewards) for reward in own]
    return TurnTable.from_columns(
        group=["g"] * len(flat),
        trajectory=[path for path, _ in flat],
        reward=[reward for _, reward in flat],
        **columns,
    )


# GRAFT, gamma 1/2, lambda 0 and 1.
def test_graft_shares_values_where_trajectories_meet() -> None:
    # T1 S-a-X (0) then X-b-end (4); T2 S-c-X (0) then X-d-end (0).
    # V(X) = 2, V(S) = 1; deltas: S edges 0 + 1 - 1 = 0; X edges 4 - 2 = 2 and -2
    columns = {"state_key": ["S", "X", "S", "X"], "action": ["a", "b", "c", "d"]}
    result = credit.graft(table([[0.0, 4.0], [0.0, 0.0]], **columns), gamma=0.5, lam=0.0, epsilon=0.0)
    np.testing.assert_allclose(result.parts["node_value"], [1, 2, 1, 2], atol=1e-9)
    np.testing.assert_allclose(result.parts["edge_advantage"], [0, 2, 0, -2], atol=1e-9)
    # X: mean 0, population deviation 2; S: nothing differs
    np.testing.assert_allclose(result.advantage, [0, 1, 0, -1], atol=1e-9)


def test_graft_traces_can_run_along_trajectories() -> None:
    # T1 S-a-X (0), X-b-end (4); T2 X-c-end (0). V(X) = 2, V(S) = 1; deltas 0, 2 | -2.
    # lambda 1: the first turn gets 0 + 1 / 2 * 2 = 1, the only edge of S: 1 / (|1| + 1)
    columns = {"state_key": ["S", "X", "X"], "action": ["a", "b", "c"]}
    result = credit.graft(
        table([[0.0, 4.0], [0.0]], **columns), gamma=0.5, lam=1.0, epsilon=1.0, trace="trajectory"
    )
    np.testing.assert_allclose(result.parts["edge_advantage"], [1, 2, -2], atol=1e-9)
    np.testing.assert_allclose(result.advantage, [1 / 2, 2 / 3, -2 / 3], atol=1e-9)


@TRACES
def test_graft_averages_the_turns_of_an_edge(trace: str) -> None:
    # both leave S by a to X: edge mean of 1 and -1 is 0, where GRPO would blame one of them
    columns = {"state_key": ["S", "X", "S", "X"], "action": ["a", "b", "a", "c"]}
    result = credit.graft(
        table([[0.0, 4.0], [0.0, 0.0]], **columns), gamma=0.5, lam=1.0, epsilon=0.0, trace=trace
    )
    np.testing.assert_allclose(result.parts["edge_advantage"], [0, 2, 0, -2], atol=1e-9)
    np.testing.assert_allclose(result.advantage, [0, 1, 0, -1], atol=1e-9)


@TRACES
def test_graft_solves_a_loop(trace: str) -> None:
    # T1: S-a-S (0), S-b-end (1). V(S) = mean(0 + V / 2, 1) -> V = V / 4 + 1 / 2 -> 2 / 3
    columns = {"state_key": ["S", "S"], "action": ["a", "b"]}
    result = credit.graft(table([[0.0, 1.0]], **columns), gamma=0.5, lam=0.5, epsilon=0.0, trace=trace)
    np.testing.assert_allclose(result.parts["node_value"], [2 / 3, 2 / 3], atol=1e-9)
    # deltas 1/3 - 2/3 and 1 - 2/3; the first with its trace -1/3 + 1/4 * 1/3: a itself is no hop away from a
    np.testing.assert_allclose(result.parts["edge_advantage"], [-1 / 4, 1 / 3], atol=1e-9)
    # mean 1/24, population deviation 7/24
    np.testing.assert_allclose(result.advantage, [-1, 1], atol=1e-9)


def test_graft_gives_what_cancels_exactly_zero_and_charges_invalid_turns() -> None:
    # two trajectories from S by a: V(S) = 2, deltas -1 and 1 are one edge: 0
    columns = {"state_key": ["S", "S"], "action": ["a", "a"]}
    assert credit.graft(table([[1.0], [3.0]], **columns)).advantage.tolist() == [0.0, 0.0]
    more = {"state_key": ["S", "X", "X"], "action": ["a", "b", "c"], "valid": [True, True, False]}
    charged = credit.graft(table([[0.0, 4.0], [0.0]], **more), gamma=0.5, invalid_penalty=2.0)
    # V(X) = (4 + 0 - 2) / 2, V(S) half of it
    np.testing.assert_allclose(charged.parts["node_value"], [0.5, 1, 1], atol=1e-9)


def test_graft_takes_the_mean_over_the_edges_that_are_ahead() -> None:
    # T1 to T3: X-b-end (4). T4: S-a-X (0), X-c-end (0). V(X) = 3, V(S) = 3/2.
    # Deltas: a 0, b 1, c -3. Ahead of a: b and c, once each: 1/2 * (1 - 3) / 2
    columns = {"state_key": ["X", "X", "X", "S", "X"], "action": ["b", "b", "b", "a", "c"]}
    result = credit.graft(table([[4.0], [4.0], [4.0], [0.0, 0.0]], **columns), gamma=0.5, lam=1.0)
    np.testing.assert_allclose(result.parts["edge_advantage"], [1, 1, 1, -0.5, -3], atol=1e-12)


def test_graft_counts_hops_by_the_shortest_way() -> None:
    # T1: S-a-X, X-b-Y, Y-c-end (8). T2: S-d-Y, Y-e-end (0). T3: Y-e-end (0). gamma 1/2, lambda 1.
    # V(Y) = 8/3, V(X) = 4/3, V(S) = (2/3 + 4/3) / 2 = 1. Deltas: a 2/3 - 1 = -1/3, b 0, c 16/3,
    # d 4/3 - 1 = 1/3, e -8/3. Mean of c and e: 4/3.
    columns = {"state_key": ["S", "X", "Y", "S", "Y", "Y"], "action": ["a", "b", "c", "d", "e", "e"]}
    result = credit.graft(table([[0.0, 0.0, 8.0], [0.0, 0.0], [0.0]], **columns), gamma=0.5, lam=1.0)
    np.testing.assert_allclose(result.parts["node_value"], [1, 4 / 3, 8 / 3, 1, 8 / 3, 8 / 3], atol=1e-12)
    # a: one hop b, two hops c and e; b and d: one hop c and e
    a, b, d = -1 / 3 + 1 / 4 * 4 / 3, 1 / 2 * 4 / 3, 1 / 3 + 1 / 2 * 4 / 3
    expected = [a, b, 16 / 3, d, -8 / 3, -8 / 3]
    np.testing.assert_allclose(result.parts["edge_advantage"], expected, atol=1e-12)


def test_graft_refuses_another_trace() -> None:
    with pytest.raises(UnknownName, match="value of trace 'edge': did you mean 'edges'"):
        credit.graft(table([[1.0]], state_key=["S"], action=["a"]), trace="edge")


def test_graft_solves_what_a_hundred_sweeps_do_not() -> None:
    # 99 turns from S back to S, then one that ends with 1: V = (99 gamma V + 1) / 100
    columns = {"state_key": ["S"] * 100, "action": ["a"] * 99 + ["b"]}
    result = credit.graft(table([[0.0] * 99 + [1.0]], **columns), gamma=0.99)
    np.testing.assert_allclose(result.parts["node_value"], [1 / (100 - 99 * 0.99)] * 100, rtol=1e-12)


Paths = list[tuple[str, list[tuple[str, str, int]]]]
steps = st.tuples(st.sampled_from("abcdef"), st.sampled_from("xy"), st.integers(-3, 3))
batches = st.lists(
    st.tuples(st.sampled_from("gh"), st.lists(steps, min_size=1, max_size=7)), min_size=1, max_size=6
)


def plain_values(paths: Paths, gamma: float) -> dict[Any, float]:
    """Sweep until nothing changes."""
    value: dict[Any, float] = defaultdict(float)
    for _ in range(400):
        earned = defaultdict(list)
        for group, path in paths:
            for place, (state, _, reward) in enumerate(path):
                after = (group, path[place + 1][0]) if place + 1 < len(path) else None
                earned[group, state].append(reward + gamma * (value[after] if after else 0.0))
        value.update({node: sum(all_of_it) / len(all_of_it) for node, all_of_it in earned.items()})
    return value


def plain_traces(paths: Paths, gamma: float, lam: float) -> list[float]:
    """Walk from each edge to those ahead of it, hop by hop."""
    value = plain_values(paths, gamma)
    edges = []
    for group, path in paths:
        for place, (state, action, reward) in enumerate(path):
            after = (group, path[place + 1][0]) if place + 1 < len(path) else None
            edges.append((((group, state), action, after), reward))
    rewards = defaultdict(list)
    for edge, reward in edges:
        rewards[edge].append(reward)
    delta = {
        edge: sum(own) / len(own) + gamma * (value[edge[2]] if edge[2] else 0.0) - value[edge[0]]
        for edge, own in rewards.items()
    }
    traces = {}
    for edge in delta:
        traces[edge], near, met, weight = delta[edge], {edge}, {edge}, gamma * lam
        while near:
            near = {other for one in near for other in delta if other[0] == one[2]} - met
            met |= near
            traces[edge] += weight * sum(delta[other] for other in near) / max(1, len(near))
            weight *= gamma * lam
    return [traces[edge] for edge, _ in edges]


@settings(max_examples=40, deadline=None)
@given(paths=batches, gamma=st.sampled_from([0.5, 0.9]), lam=st.sampled_from([0.5, 1.0]))
def test_graft_says_what_a_walk_over_the_graph_says(paths: Any, gamma: float, lam: float) -> None:
    batch = TurnTable.from_columns(
        group=[group for group, path in paths for _ in path],
        trajectory=[place for place, (_, path) in enumerate(paths) for _ in path],
        reward=[float(reward) for _, path in paths for _, _, reward in path],
        state_key=[state for _, path in paths for state, _, _ in path],
        action=[action for _, path in paths for _, action, _ in path],
    )
    parts = credit.graft(batch, gamma=gamma, lam=lam).parts
    values = plain_values(paths, gamma)
    expected = [values[group, state] for group, path in paths for state, _, _ in path]
    np.testing.assert_allclose(parts["node_value"], expected, rtol=0, atol=1e-9)
    np.testing.assert_allclose(parts["edge_advantage"], plain_traces(paths, gamma, lam), rtol=0, atol=1e-7)
