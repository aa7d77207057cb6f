"""Estimators that compare turns taken in equal states, or look at the graph of states."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise
from typing import Any

import numpy as np
from plain_episodes import grpo
from plain_rows import EPSILON, Columns, Signal, episodes, normalised, returns, rows_of

__all__ = ["anchors_of", "bellman", "g2po", "gigpo", "graft", "graphgpo", "hgpo", "salt"]


def anchors_of(columns: Columns) -> list[Any]:
    return list(zip(columns["group"], columns["state_key"], strict=True))


def gigpo(columns: Columns) -> Signal:
    step = normalised(returns(columns, 0.95), anchors_of(columns))
    episode = normalised(episodes(columns), columns["group"])
    return Signal([whole + local for whole, local in zip(episode, step, strict=True)])


def hgpo(columns: Columns) -> Signal:
    to_go = returns(columns, 0.95)
    weight, total = [0.0] * len(to_go), [0.0] * len(to_go)
    for depth in (1, 2, 3):
        keys, deep = [], []
        for (group, _), rows in rows_of(columns).items():
            for place in range(depth - 1, len(rows)):
                window = rows[place - depth + 1 : place + 1]
                keys.append((group, *(columns["state_key"][row] for row in window)))
                deep.append(rows[place])
        for row, value in zip(deep, normalised([to_go[row] for row in deep], keys, ddof=0), strict=True):
            if abs(value) > 1e-9:
                total[row] += (depth + 1) * value
                weight[row] += depth + 1
    return Signal([t / (w + EPSILON) if w else 0.0 for t, w in zip(total, weight, strict=True)])


def salt(columns: Columns) -> Signal:
    own = grpo(columns).advantage
    edges = list(
        zip(columns["group"], columns["state_key"], columns["action"], columns["next_state_key"], strict=True)
    )
    shared = defaultdict(list)
    for edge, value in zip(edges, own, strict=True):
        shared[edge].append(value)
    mean = {edge: float(np.mean(values)) for edge, values in shared.items()}
    return Signal([mean[edge] for edge in edges])


def graphgpo(columns: Columns) -> Signal:
    into: dict[Any, dict[Any, set[Any]]] = defaultdict(lambda: defaultdict(set))
    ends = list(columns["next_state_key"])
    for (group, _), rows in rows_of(columns).items():
        if sum(columns["reward"][row] for row in rows) > 0:
            ends[rows[-1]] = "the goal"
        for row in rows:
            into[group][ends[row]].add(columns["state_key"][row])
    distance = {group: _distances(graph) for group, graph in into.items()}
    far = {group: max(known.values()) + 1 for group, known in distance.items()}
    step = [
        10.0 * 0.1 ** distance[group].get(end, far[group])
        for group, end in zip(columns["group"], ends, strict=True)
    ]
    episode = normalised(episodes(columns), columns["group"])
    return Signal(
        [local + whole for local, whole in zip(normalised(step, anchors_of(columns)), episode, strict=True)]
    )


def _distances(graph: dict[Any, set[Any]]) -> dict[Any, int]:
    """Count the turns to the goal, breadth first."""
    known = {"the goal": 0}
    queue = ["the goal"]
    for node in queue:
        for before in graph.get(node, ()):
            if before not in known:
                known[before] = known[node] + 1
                queue.append(before)
    return known


def g2po(columns: Columns) -> Signal:
    anchors = anchors_of(columns)
    totals = episodes(columns)
    earned = defaultdict(list)
    for rows in rows_of(columns).values():
        for place, row in enumerate(rows):
            earned[anchors[row]].append(0.95 ** (len(rows) - place) * totals[row])
    value = {anchor: sum(sums) / len(sums) for anchor, sums in earned.items()}
    after = [0.0] * len(totals)
    for rows in rows_of(columns).values():
        for row, following in pairwise(rows):
            after[row] = value[anchors[following]]
        after[rows[-1]] = totals[rows[-1]] if totals[rows[-1]] > 0 else 0.0
    penalty = [0.0 if valid else 0.1 for valid in columns["valid"]]
    paid = [later - fine for later, fine in zip(after, penalty, strict=True)]
    gain = [later - value[anchor] for later, anchor in zip(after, anchors, strict=True)]
    score = [total - fine for total, fine in zip(totals, penalty, strict=True)]
    terms = (
        normalised(score, columns["group"], std=False),
        normalised(paid, anchors, std=False),
        normalised(gain, columns["group"], std=False),
    )
    return Signal([sum(parts) for parts in zip(*terms, strict=True)])


def graft(columns: Columns, gamma: float = 0.99, lam: float = 0.95) -> Signal:
    anchors = anchors_of(columns)
    after: list[Any] = [None] * len(anchors)
    for rows in rows_of(columns).values():
        for row, following in pairwise(rows):
            after[row] = anchors[following]
    value = bellman(columns["reward"], anchors, after, gamma)
    edges = list(zip(anchors, columns["action"], after, strict=True))
    shared = defaultdict(list)
    for edge, reward in zip(edges, columns["reward"], strict=True):
        shared[edge].append(reward + gamma * value[edge[2]] - value[edge[0]])
    raw = _ahead({edge: sum(own) / len(own) for edge, own in shared.items()}, gamma * lam)
    noise = 1e-9 * max(1.0, max(map(abs, value.values())))
    raw = {edge: gain if abs(gain) > noise else 0.0 for edge, gain in raw.items()}
    of_node = defaultdict(list)
    for (node, _, _), gain in raw.items():
        of_node[node].append(gain)
    centre = {node: float(np.mean(gains)) if len(gains) > 1 else 0.0 for node, gains in of_node.items()}
    size = {
        node: float(np.std(gains)) if len(gains) > 1 else abs(gains[0]) for node, gains in of_node.items()
    }
    return Signal([(raw[edge] - centre[edge[0]]) / (size[edge[0]] + EPSILON) for edge in edges])


def _ahead(delta: dict[Any, float], decay: float) -> dict[Any, float]:
    """Walk from every edge to the edges ahead of it, hop by hop."""
    out = defaultdict(list)
    for edge in delta:
        out[edge[0]].append(edge)
    traces = {}
    for edge, total in delta.items():
        near, met, weight = {edge}, {edge}, decay
        while near:
            near = {other for one in near for other in out[one[2]]} - met
            met |= near
            total += weight * sum(delta[other] for other in near) / max(1, len(near))
            weight *= decay
        traces[edge] = total
    return traces


def bellman(reward: list[float], anchors: list[Any], after: list[Any], gamma: float) -> dict[Any, float]:
    """Solve for the states' values, a dense system a group."""
    rows_in = defaultdict(list)
    for row, (group, _) in enumerate(anchors):
        rows_in[group].append(row)
    value: dict[Any, float] = {None: 0.0}  # beyond the end
    for rows in rows_in.values():
        place = {anchor: i for i, anchor in enumerate(dict.fromkeys(anchors[row] for row in rows))}
        system, earned, visits = np.eye(len(place)), np.zeros(len(place)), np.zeros(len(place))
        for row in rows:
            visits[place[anchors[row]]] += 1
        for row in rows:
            own = place[anchors[row]]
            earned[own] += reward[row] / visits[own]
            if after[row] is not None:
                system[own, place[after[row]]] -= gamma / visits[own]
        value.update(zip(place, np.linalg.solve(system, earned).tolist(), strict=True))
    return value
