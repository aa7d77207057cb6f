"""The same formulas the straightforward way: a loop over rows, dictionaries, one row at a time.

What a trainer writes first. The benchmark times it beside ours, in the same
run, and checks that both say the same.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any

import numpy as np

Columns = dict[str, Any]
EPSILON = 1e-6


def _normalised(scores: list[float], keys: list[Any], std: bool = True, ddof: int = 1) -> list[float]:
    groups = defaultdict(list)
    for score, key in zip(scores, keys, strict=True):
        groups[key].append(score)
    mean = {key: np.mean(values) for key, values in groups.items()}
    deviation = {key: np.std(values, ddof=ddof) if len(values) > 1 else 0.0 for key, values in groups.items()}
    return [
        (score - mean[key]) / (deviation[key] + EPSILON) if std else score - mean[key]
        for score, key in zip(scores, keys, strict=True)
    ]


def _rows(columns: Columns) -> dict[Any, list[int]]:
    rows = defaultdict(list)
    for row, key in enumerate(zip(columns["group"], columns["trajectory"], strict=True)):
        rows[key].append(row)
    return rows


def _returns(columns: Columns, gamma: float) -> list[float]:
    returns = [0.0] * len(columns["reward"])
    for rows in _rows(columns).values():
        running = 0.0
        for row in reversed(rows):
            running = columns["reward"][row] + gamma * running
            returns[row] = running
    return returns


def _episodes(columns: Columns) -> list[float]:
    totals = [0.0] * len(columns["reward"])
    for rows in _rows(columns).values():
        total = sum(columns["reward"][row] for row in rows)
        for row in rows:
            totals[row] = total
    return totals


def grpo(columns: Columns) -> list[float]:
    rows = _rows(columns)
    totals = _episodes(columns)
    firsts = [each[0] for each in rows.values()]
    by_first = _normalised([totals[row] for row in firsts], [columns["group"][row] for row in firsts])
    advantage = [0.0] * len(totals)
    for each, value in zip(rows.values(), by_first, strict=True):
        for row in each:
            advantage[row] = value
    return advantage


def rloo(columns: Columns) -> list[float]:
    rows = _rows(columns)
    totals = _episodes(columns)
    groups = defaultdict(list)
    for (group, _), each in rows.items():
        groups[group].append(totals[each[0]])
    advantage = [0.0] * len(totals)
    for (group, _), each in rows.items():
        others = groups[group]
        own = totals[each[0]]
        for row in each:
            advantage[row] = own - (sum(others) - own) / (len(others) - 1)
    return advantage


def gigpo(columns: Columns) -> list[float]:
    anchors = list(zip(columns["group"], columns["state_key"], strict=True))
    step = _normalised(_returns(columns, 0.95), anchors)
    episode = _normalised(_episodes(columns), columns["group"])
    return [one + other for one, other in zip(episode, step, strict=True)]


def hgpo(columns: Columns) -> list[float]:
    returns = _returns(columns, 0.95)
    weight, total = [0.0] * len(returns), [0.0] * len(returns)
    for depth in (1, 2, 3):
        keys, deep = [], []
        for (group, _), rows in _rows(columns).items():
            for place in range(depth - 1, len(rows)):
                window = rows[place - depth + 1 : place + 1]
                keys.append((group, *(columns["state_key"][row] for row in window)))
                deep.append(rows[place])
        for row, value in zip(deep, _normalised([returns[row] for row in deep], keys, ddof=0), strict=True):
            if abs(value) > 1e-9:
                total[row] += (depth + 1) * value
                weight[row] += depth + 1
    return [t / (w + EPSILON) if w else 0.0 for t, w in zip(total, weight, strict=True)]


def salt(columns: Columns) -> list[float]:
    own = grpo(columns)
    edges = list(
        zip(columns["group"], columns["state_key"], columns["action"], columns["next_state_key"], strict=True)
    )
    shared = defaultdict(list)
    for edge, value in zip(edges, own, strict=True):
        shared[edge].append(value)
    mean = {edge: float(np.mean(values)) for edge, values in shared.items()}
    return [mean[edge] for edge in edges]


def graphgpo(columns: Columns) -> list[float]:
    into: dict[Any, dict[Any, set[Any]]] = defaultdict(lambda: defaultdict(set))
    ends = list(columns["next_state_key"])
    for (group, _), rows in _rows(columns).items():
        if sum(columns["reward"][row] for row in rows) > 0:
            ends[rows[-1]] = "the goal"
        for row in rows:
            into[group][ends[row]].add(columns["state_key"][row])
    distance: dict[Any, dict[Any, int]] = {}
    for group, graph in into.items():
        known = {"the goal": 0}
        queue = ["the goal"]
        for node in queue:
            for before in graph.get(node, ()):
                if before not in known:
                    known[before] = known[node] + 1
                    queue.append(before)
        distance[group] = known
    far = {group: max(known.values()) + 1 for group, known in distance.items()}
    step = [
        10.0 * 0.1 ** distance[group].get(end, far[group])
        for group, end in zip(columns["group"], ends, strict=True)
    ]
    anchors = list(zip(columns["group"], columns["state_key"], strict=True))
    episode = _normalised(_episodes(columns), columns["group"])
    return [one + other for one, other in zip(_normalised(step, anchors), episode, strict=True)]


def turn_ppo(columns: Columns) -> list[float]:
    advantage = [0.0] * len(columns["reward"])
    for rows in _rows(columns).values():
        running, following = 0.0, 0.0
        for row in reversed(rows):
            delta = columns["reward"][row] + 0.99 * following - columns["value"][row]
            running = delta + 0.99 * 0.95 * running
            advantage[row] = running
            following = columns["value"][row]
    return advantage


PLAIN: dict[str, Callable[[Columns], list[float]]] = {
    "gigpo": gigpo,
    "graphgpo": graphgpo,
    "grpo": grpo,
    "hgpo": hgpo,
    "rloo": rloo,
    "salt": salt,
    "turn_ppo": turn_ppo,
}
