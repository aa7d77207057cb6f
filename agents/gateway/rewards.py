"""Rewards that a harness posts, where no session of ours stands behind an episode."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .asked import Refusal

_MAX_KEY_CHARS = 65_536
_MAX_TIERS = 32


@dataclass(frozen=True, slots=True)
class Reward:
    """One reward.

    Args:
        turn: the number of the call; None ends the episode.
        reward: the scalar.
        rewards: named tiers.
        state_key: of the state in which the turn's action was taken.
        next_state_key: of the state that it led to; of a final reward the last one.
        success: whether the task is solved; None: not known.
        score: a figure of the environment.
    """

    turn: int | None
    reward: float
    rewards: Mapping[str, float] = field(default_factory=dict)
    state_key: str | None = None
    next_state_key: str | None = None
    success: bool | None = None
    score: float | None = None


def read_reward(document: Mapping[str, Any]) -> Reward:
    """Read the body of a reward.

    Raises:
        Refusal: naming the member that is missing, unknown or of the wrong form.
    """
    known = {"turn", "final", "reward", "rewards", "state_key", "next_state_key", "success", "score"}
    if unknown := sorted(set(document) - known):
        raise _wrong(f"unknown member {unknown[0]!r}; expected some of {', '.join(sorted(known))}")
    turn, final = document.get("turn"), document.get("final", False)
    if (turn is None) == (final is not True):
        raise _wrong('expected either "turn": its number, or "final": true')
    if turn is not None and (isinstance(turn, bool) or not isinstance(turn, int)):
        raise _wrong(f"turn {turn!r}; expected a whole number")
    tiers = document.get("rewards") or {}
    if not isinstance(tiers, dict) or len(tiers) > _MAX_TIERS:
        raise _wrong(f"rewards: expected at most {_MAX_TIERS} named numbers")
    success = document.get("success")
    if success is not None and not isinstance(success, bool):
        raise _wrong(f"success {success!r}; expected true, false or null")
    score = document.get("score")
    return Reward(
        turn,
        _number("reward", document.get("reward")),
        {name: _number(f"rewards.{name}", value) for name, value in tiers.items()},
        _key("state_key", document.get("state_key")),
        _key("next_state_key", document.get("next_state_key")),
        success,
        None if score is None else _number("score", score),
    )


def _number(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise _wrong(f"{name} {str(value)[:100]}; expected a finite number")
    return float(value)


def _key(name: str, value: Any) -> str | None:
    if value is not None and (not isinstance(value, str) or len(value) > _MAX_KEY_CHARS):
        raise _wrong(f"{name}: expected a text of at most {_MAX_KEY_CHARS} characters")
    return value


def _wrong(detail: str) -> Refusal:
    return Refusal(422, "invalid_request", detail)
