"""Estimators that compare turns taken in equal states, or look at the graph of states."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise
from typing import Any

import numpy as np
from plain_episodes import grpo
from plain_rows import EPSILON, Columns, Signal, episodes, normalised, returns, rows_of

__all__ = ["g2po", "gigpo", "graft", "graphgpo", "hgpo", "salt"]


def _anchors(columns: Columns) -> list[Any]:
    return list(zip(columns["group"], columns["state_key"], strict=True))


def gigpo(columns: Columns) -> Signal:
    step = normalised(returns(columns, 0.95), _anchors(columns))
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
        [local + whole for local, whole in zip(normalised(step, _anchors(columns)), episode, strict=True)]
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
    anchors = _anchors(columns)
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
    anchors = _anchors(columns)
    after: list[Any] = [None] * len(anchors)
    for rows in rows_of(columns).values():
        for row, following in pairwise(rows):
            after[row] = anchors[following]
    value = _bellman(columns, anchors, after, gamma)
    gae = [0.0] * len(anchors)
    for rows in rows_of(columns).values():
        running = 0.0
        for row in reversed(rows):
            delta = columns["reward"][row] + gamma * value[after[row]] - value[anchors[row]]
            running = delta + gamma * lam * running
            gae[row] = running
    edges = list(zip(anchors, columns["action"], after, strict=True))
    shared = defaultdict(list)
    for edge, gain in zip(edges, gae, strict=True):
        shared[edge].append(gain)
    noise = 1e-9 * max(1.0, max(map(abs, value.values())))
    mean = {edge: sum(gains) / len(gains) for edge, gains in shared.items()}
    mean = {edge: gain if abs(gain) > noise else 0.0 for edge, gain in mean.items()}
    of_node = defaultdict(list)
    for (node, _, _), gain in mean.items():
        of_node[node].append(gain)
    centre = {node: float(np.mean(gains)) if len(gains) > 1 else 0.0 for node, gains in of_node.items()}
    size = {
        node: float(np.std(gains)) if len(gains) > 1 else abs(gains[0]) for node, gains in of_node.items()
    }
    return Signal([(mean[edge] - centre[edge[0]]) / (size[edge[0]] + EPSILON) for edge in edges])


def _bellman(columns: Columns, anchors: list[Any], after: list[Any], gamma: float) -> dict[Any, float]:
    """Sweep over all turns until the states' values stand still, at most 100 times."""
    start = defaultdict(list)
    for anchor, to_go in zip(anchors, returns(columns, gamma), strict=True):
        start[anchor].append(to_go)
    value = {anchor: sum(known) / len(known) for anchor, known in start.items()}
    for _ in range(100):
        total = dict.fromkeys(value, 0.0)
        value[None] = 0.0  # beyond the end
        for reward, anchor, following in zip(columns["reward"], anchors, after, strict=True):
            total[anchor] += reward + gamma * value[following]
        new = {anchor: known / len(start[anchor]) for anchor, known in total.items()}
        change = max(abs(new[anchor] - value[anchor]) for anchor in new)
        value = new
        if change <= 1e-10 * max(map(abs, value.values())):
            break
    return {**value, None: 0.0}
