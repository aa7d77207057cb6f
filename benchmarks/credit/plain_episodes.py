"""Estimators that compare whole episodes, a loop over rows or tokens each."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np
from plain_rows import (
    Columns,
    Signal,
    mean_of_tokens,
    normalised,
    rows_of,
    spread_over,
    whitened_over_tokens,
)

__all__ = [
    "broadcast",
    "dr_grpo",
    "grpo",
    "igpo",
    "mars",
    "reinforce_pp",
    "reinforce_pp_baseline",
    "rloo",
]


def _compared(columns: Columns, outcome: list[float], std: bool) -> list[float]:
    """Normalise an outcome, one a trajectory, inside each group."""
    rows = rows_of(columns)
    return spread_over(rows, normalised(outcome, [group for group, _ in rows], std))


def _totals(columns: Columns) -> list[float]:
    return [sum(columns["reward"][row] for row in rows) for rows in rows_of(columns).values()]


def grpo(columns: Columns) -> Signal:
    return Signal(_compared(columns, _totals(columns), std=True))


def dr_grpo(columns: Columns) -> Signal:
    return Signal(_compared(columns, _totals(columns), std=False))


def broadcast(columns: Columns) -> Signal:
    outcome = [columns["reward"][rows[-1]] for rows in rows_of(columns).values()]
    return Signal(_compared(columns, outcome, std=True))


def rloo(columns: Columns) -> Signal:
    rows = rows_of(columns)
    totals = _totals(columns)
    groups = defaultdict(list)
    for (group, _), total in zip(rows, totals, strict=True):
        groups[group].append(total)
    away = []
    for (group, _), own in zip(rows, totals, strict=True):
        others = groups[group]
        away.append(own - (sum(others) - own) / (len(others) - 1))
    return Signal(spread_over(rows, away))


def reinforce_pp(columns: Columns) -> Signal:
    tokens: list[list[float]] = [[] for _ in columns["reward"]]
    for rows in rows_of(columns).values():
        running = 0.0
        for row in reversed(rows):
            running += columns["reward"][row]  # at the turn's last token, and no discount before it
            tokens[row] = [running for _ in range(columns["num_tokens"][row])]
    return Signal(mean_of_tokens(whitened_over_tokens(tokens)))


def reinforce_pp_baseline(columns: Columns) -> Signal:
    away = _compared(columns, _totals(columns), std=False)
    tokens = [
        [value for _ in range(length)] for value, length in zip(away, columns["num_tokens"], strict=True)
    ]
    return Signal(mean_of_tokens(whitened_over_tokens(tokens)))


def mars(columns: Columns) -> Signal:
    reward = normalised(columns["reward"], columns["agent"], std=False)
    to_go = [0.0] * len(reward)
    for rows in rows_of(columns).values():
        running: dict[str, float] = defaultdict(float)
        for row in reversed(rows):
            player = columns["agent"][row]
            running[player] += reward[row]
            to_go[row] = running[player]
    distinct: dict[str, dict[float, float]] = defaultdict(dict)
    for player, value in zip(columns["agent"], to_go, strict=True):
        distinct[player][round(value, 9)] = value
    baseline = {player: float(np.mean(list(values.values()))) for player, values in distinct.items()}
    tokens = [
        [value - baseline[player] for _ in range(length)]
        for player, value, length in zip(columns["agent"], to_go, columns["num_tokens"], strict=True)
    ]
    return Signal(mean_of_tokens(whitened_over_tokens(tokens)))


def igpo(columns: Columns) -> Signal:
    to_go = [0.0] * len(columns["reward"])
    for rows in rows_of(columns).values():
        running = columns["reward"][rows[-1]]
        to_go[rows[-1]] = running
        for row, following in zip(rows[-2::-1], rows[:0:-1], strict=True):
            running += columns["gold_prob"][following] - columns["gold_prob"][row]
            to_go[row] = running
    at_place = defaultdict(list)
    size: dict[Any, int] = defaultdict(int)
    for (group, _), rows in rows_of(columns).items():
        place = 0
        size[group] += 1
        for row in rows:
            for _ in range(columns["num_tokens"][row]):
                at_place[group, place].append(to_go[row])
                place += 1
    baseline = {spot: sum(values) / size[spot[0]] for spot, values in at_place.items()}  # ended: 0
    tokens: list[list[float]] = [[] for _ in to_go]
    for (group, _), rows in rows_of(columns).items():
        place = 0
        for row in rows:
            for _ in range(columns["num_tokens"][row]):
                tokens[row].append(to_go[row] - baseline[group, place])
                place += 1
    return Signal(mean_of_tokens(tokens), tokens=tokens)
