"""Estimators that put a value on the states of a group, or on what was done before."""

from __future__ import annotations

import math
from collections import defaultdict
from itertools import pairwise
from typing import Any

import numpy as np
from plain_episodes import grpo
from plain_rows import Columns, Signal, episodes, normalised, returns, rows_of
from plain_states import anchors_of, bellman

__all__ = ["crbc", "gagpo", "graphhca", "rtmc"]


def _chances(columns: Columns, gamma: float) -> tuple[dict[Any, float], list[float]]:
    """Return the chance to succeed from each state, and what each turn leads to."""
    anchors = anchors_of(columns)
    after: list[Any] = [None] * len(anchors)
    won = [0.0] * len(anchors)
    for rows in rows_of(columns).values():
        for row, following in pairwise(rows):
            after[row] = anchors[following]
        won[rows[-1]] = float(sum(columns["reward"][row] for row in rows) > 0)
    value = bellman([gamma * end for end in won], anchors, after, gamma)
    return value, [end if node is None else value[node] for node, end in zip(after, won, strict=True)]


def crbc(columns: Columns) -> Signal:
    anchors = anchors_of(columns)
    _, led = _chances(columns, 0.98)
    by_action, by_state = defaultdict(list), defaultdict(list)
    pairs = list(zip(anchors, columns["action"], strict=True))
    for pair, later in zip(pairs, led, strict=True):
        by_action[pair].append(0.98 * later)
    quality = [sum(by_action[pair]) / len(by_action[pair]) for pair in pairs]
    for anchor, worth in zip(anchors, quality, strict=True):
        by_state[anchor].append(worth)
    mean = {anchor: float(np.mean(own)) for anchor, own in by_state.items()}
    size = {anchor: max(float(np.std(own)), 0.1) for anchor, own in by_state.items()}
    step = [(worth - mean[anchor]) / size[anchor] for anchor, worth in zip(anchors, quality, strict=True)]
    return Signal([whole + 5 * local for whole, local in zip(grpo(columns).advantage, step, strict=True)])


def graphhca(columns: Columns) -> Signal:
    anchors = anchors_of(columns)
    value, led = _chances(columns, 0.95)
    gained = [
        math.log(max(later, 0.01)) - math.log(max(value[anchor], 0.01))
        for anchor, later in zip(anchors, led, strict=True)
    ]
    step = normalised(gained, anchors)
    return Signal([whole + local for whole, local in zip(grpo(columns).advantage, step, strict=True)])


def gagpo(columns: Columns, gamma: float = 0.95, lam: float = 0.8) -> Signal:
    anchors = anchors_of(columns)
    earned = defaultdict(list)
    for anchor, to_go in zip(anchors, returns(columns, gamma), strict=True):
        earned[anchor].append(to_go)
    value = {anchor: sum(own) / len(own) for anchor, own in earned.items()}
    gae = [0.0] * len(anchors)
    for rows in rows_of(columns).values():
        running, following = 0.0, 0.0
        for row in reversed(rows):
            delta = columns["reward"][row] + gamma * following - value[anchors[row]]
            running = delta + gamma * lam * running
            gae[row], following = running, value[anchors[row]]
    return Signal(normalised(gae, columns["group"]))


def rtmc(columns: Columns) -> Signal:
    to_go, totals = returns(columns, 0.99), episodes(columns)
    pairs: list[Any] = [None] * len(to_go)
    first: dict[Any, list[float]] = defaultdict(list)
    outcomes = defaultdict(list)
    for (group, _), rows in rows_of(columns).items():
        outcomes[group].append(totals[rows[0]])
        done: frozenset[str] = frozenset()
        met = set()
        for row in rows:
            pairs[row] = (group, done, columns["action"][row])
            if pairs[row] not in met:
                first[pairs[row]].append(to_go[row])
            met.add(pairs[row])
            done |= {columns["action"][row]}
    at_state = defaultdict(list)
    for (group, done, _), own in first.items():
        at_state[group, done] += own
    away = []
    for group, done, action in pairs:
        own, visits = first[group, done, action], at_state[group, done]
        prior = sum(outcomes[group]) / len(outcomes[group])
        drawn = (sum(visits) + 2 * prior) / (len(visits) + 2)
        away.append(sum(own) / len(own) - drawn if len(set(outcomes[group])) > 1 else 0.0)
    spread = defaultdict(list)
    for (group, _, _), gain in zip(pairs, away, strict=True):
        spread[group].append(gain)
    size = {group: float(np.std(own)) or 1.0 for group, own in spread.items()}
    return Signal([gain / size[group] for (group, _, _), gain in zip(pairs, away, strict=True)])
