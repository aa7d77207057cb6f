"""Estimators that read critics: generalised advantages over turns, segments and tokens."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from plain_rows import Columns, Signal, mean_of_tokens, rows_of

__all__ = ["archer", "bilevel_gae", "hae", "poad", "td0", "turn_ppo", "vetta"]


def turn_ppo(columns: Columns) -> Signal:
    advantage = [0.0] * len(columns["reward"])
    for rows in rows_of(columns).values():
        running, following = 0.0, 0.0
        for row in reversed(rows):
            delta = columns["reward"][row] + 0.99 * following - columns["value"][row]
            running = delta + 0.99 * 0.95 * running
            advantage[row] = running
            following = columns["value"][row]
    target = [gain + value for gain, value in zip(advantage, columns["value"], strict=True)]
    return Signal(advantage, targets={"value": target})


def archer(columns: Columns) -> Signal:
    critics = zip(columns["q1"], columns["q2"], columns["v1"], columns["v2"], strict=True)
    advantage = [min(q1, q2) - min(v1, v2) for q1, q2, v1, v2 in critics]
    targets = {"v1": columns["q1"], "v2": columns["q2"]}
    for head, below in (("q1", "v1"), ("q2", "v2")):
        targets[head] = list(columns["reward"])
        for rows in rows_of(columns).values():
            for row, following in pairwise(rows):
                targets[head][row] += 0.9 * columns[below][following]
    return Signal(advantage, targets=targets)


def hae(columns: Columns, gamma: float = 0.95, lam: float = 0.95) -> Signal:
    low, high = columns["v_low"], columns["v_high"]
    action, to_go = [0.0] * len(low), [0.0] * len(low)
    subgoal: dict[int, float] = {}
    for rows in rows_of(columns).values():
        begins = [place for place, row in enumerate(rows) if place == 0 or columns["switch"][row]]
        beyond, ahead = 0.0, 0.0
        for begin, end in zip(reversed(begins), [len(rows), *reversed(begins[1:])], strict=True):
            following, running, earned = beyond, 0.0, beyond
            for row in reversed(rows[begin:end]):
                reward = columns["reward"][row]
                running = reward + gamma * following - low[row] + gamma * lam * running
                earned = reward + gamma * earned
                action[row], to_go[row], following = running, earned, low[row]
            first = rows[begin]
            ahead = earned - high[first] + lam * gamma ** (end - begin) * ahead
            subgoal[first], beyond = ahead, high[first]
    scaled = dict(zip(subgoal, _z_scores(list(subgoal.values())), strict=True))
    switch = [later - value for later, value in zip(to_go, columns["v_term"], strict=True)]
    spans = {
        "action": _z_scores(action),
        "subgoal": [scaled.get(row, 0.0) for row in range(len(low))],
        "switch": _z_scores(switch),
    }
    targets = {
        "low": [gain + value for gain, value in zip(action, low, strict=True)],
        "high": [subgoal[row] + high[row] if row in subgoal else 0.0 for row in range(len(low))],
        "term": to_go,
    }
    return Signal(spans["action"], spans=spans, targets=targets)


def _z_scores(values: list[float]) -> list[float]:
    mean, deviation = float(np.mean(values)), float(np.std(values))
    return [(value - mean) / (deviation + 1e-8) for value in values]


def poad(columns: Columns, gamma: float = 0.99, lam: float = 0.95) -> Signal:
    return _actions(columns, gamma, lam, gamma * lam)


def td0(columns: Columns, gamma: float = 0.99, lam: float = 0.95) -> Signal:
    return _actions(columns, gamma, lam, 0.0)


def _actions(columns: Columns, gamma: float, lam: float, across: float) -> Signal:
    values = [row.tolist() for row in columns["token_values"]]
    tokens: list[list[float]] = [[] for _ in values]
    for rows in rows_of(columns).values():
        beyond, later = 0.0, 0.0
        for row in reversed(rows):
            running = columns["reward"][row] + gamma * beyond - values[row][-1] + across * later
            backwards = [running]
            for place in range(len(values[row]) - 2, -1, -1):
                running = values[row][place + 1] - values[row][place] + lam * running
                backwards.append(running)
            tokens[row] = backwards[::-1]
            beyond, later = values[row][0], running
    return _of_tokens(tokens, values)


def bilevel_gae(columns: Columns, gamma: float = 1.0, lam: float = 1.0, high_gamma: float = 0.95) -> Signal:
    values = [row.tolist() for row in columns["token_values"]]
    tokens: list[list[float]] = [[] for _ in values]
    for rows in rows_of(columns).values():
        turn, following = 0.0, 0.0
        for row in reversed(rows):
            own = values[row][-1]
            turn = columns["reward"][row] + high_gamma * following - own + high_gamma * lam * turn
            following = own
            running, after = 0.0, 0.0
            reward = turn + own
            backwards = []
            for value in reversed(values[row]):
                running = reward + gamma * after - value + gamma * lam * running
                backwards.append(running)
                after, reward = value, 0.0
            tokens[row] = backwards[::-1]
    return _of_tokens(tokens, values)


def _of_tokens(tokens: list[list[float]], values: list[list[float]]) -> Signal:
    target = [
        [gain + value for gain, value in zip(row, critic, strict=True)]
        for row, critic in zip(tokens, values, strict=True)
    ]
    return Signal(mean_of_tokens(tokens), tokens=tokens, targets={"value": target})


def vetta(columns: Columns, gamma: float = 0.95, lam: float = 0.95) -> Signal:
    turn, tokens = [0.0] * len(columns["reward"]), [list(own) for own in columns["token_values"]]
    for rows in rows_of(columns).values():
        running, following, token_running, token_following = 0.0, 0.0, 0.0, 0.0
        for row in reversed(rows):
            delta = columns["reward"][row] + gamma * following - columns["value"][row]
            turn[row] = running = delta + gamma * lam * running
            following = columns["value"][row]
            earned = columns["reward"][row]
            for place in reversed(range(len(tokens[row]))):
                value = columns["token_values"][row][place]
                token_running += earned + token_following - value
                tokens[row][place], token_following, earned = token_running, value, 0.0
    given = columns["token_values"]
    token = [
        [gain + value for gain, value in zip(*pair, strict=True)] for pair in zip(tokens, given, strict=True)
    ]
    level = [turn[row] - sum(own) / len(own) for row, own in enumerate(tokens)]
    fused = [[gain + up for gain in own] for own, up in zip(tokens, level, strict=True)]
    target = [gain + value for gain, value in zip(turn, columns["value"], strict=True)]
    return Signal(turn, tokens=fused, targets={"turn": target, "token": token})
