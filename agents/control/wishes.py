"""What can be asked of a process that plays, and what of it is refused with the reason."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from ...errors import UnknownName, UsageError

Word = Literal["pause", "resume", "requeue", "limit", "stop"]
WORDS: tuple[Word, ...] = get_args(Word)
Kind = Literal["training", "evaluation", "suite", "cell"]
"""A cell is an evaluation that is a part: of a suite, or of a training."""
KINDS: tuple[Kind, ...] = get_args(Kind)

_MOST = 10**9
_MOST_SLOTS = 4096


@dataclass(frozen=True, slots=True)
class _Limit:
    """A limit that may change while a process goes on."""

    least: float
    most: float
    whole: bool = True

    @property
    def expected(self) -> str:
        """Say which values it takes."""
        return f"{'a whole number' if self.whole else 'a number'} from {self.least:g} to {self.most:g}"


_UPDATES, _SHARE = _Limit(1, _MOST), _Limit(0, 1, whole=False)
LIMITS: dict[Kind, dict[str, _Limit]] = {
    "training": {"updates": _UPDATES, "seconds": _Limit(0, _MOST, whole=False), "success": _SHARE},
    "evaluation": {"slots": _Limit(1, _MOST_SLOTS), "episodes": _Limit(1, _MOST)},
    "suite": {"slots": _Limit(1, _MOST_SLOTS)},
    "cell": {},
}
_WHY_NOT: dict[tuple[str, str], str] = {
    ("training", "slots"): "which messages are made together decides the numbers of a run to the last bit",
    (
        "suite",
        "episodes",
    ): "every agent plays the same tasks; change the suite file and give its command again",
}
_DECIDES = "it decides what an episode can reach, and so the result; begin another with another folder"


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked.

    Args:
        word: what is to be done.
        limits: of `limit`, by name.
    """

    word: Word
    limits: dict[str, float] = field(default_factory=dict)

    @property
    def shown(self) -> str:
        """Return it as it is typed."""
        return " ".join([self.word, *(f"{name}={value:.15g}" for name, value in self.limits.items())])


def read_wish(word: str, limits: Mapping[str, Any], kind: Kind) -> Wish:
    """Return what is asked of a process of some kind, if it can be.

    Args:
        word: one of WORDS.
        limits: values by name, as numbers or as text.
        kind: of the process.

    Raises:
        UnknownName: for another word, or the name of a limit that there is not.
        UsageError: if it cannot be asked of such a process, with the reason.
    """
    if word not in WORDS:
        raise UnknownName("control", str(word)[:40], WORDS)
    if kind == "cell":
        raise UsageError("this is a part of what is played in a folder above it: control that")
    if word == "requeue" and kind == "training":
        raise UsageError(
            "requeue is for evaluations and suites: a training plays failed episodes again itself"
        )
    if (word == "limit") is not bool(limits):
        raise UsageError(f"{word}: expected NAME=VALUE with limit, and with nothing else: limit slots=8")
    return Wish(word, {name: _value(kind, name, value) for name, value in limits.items()})


def _value(kind: Kind, name: str, value: Any) -> float:
    known = LIMITS[kind]
    if name not in known:
        if reason := _WHY_NOT.get((kind, name)):
            raise UsageError(f"{name} of a {kind} cannot change while it goes on: {reason}")
        if name in ("turns", "tokens", "deadline", "seconds", "temperature"):
            raise UsageError(f"{name} cannot change while it goes on: {_DECIDES}")
        raise UnknownName(f"limit of a {kind}", str(name)[:40], known)
    limit = known[name]
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if isinstance(value, bool) or not limit.least <= number <= limit.most or (limit.whole and number % 1):
        raise UsageError(f"{name}={str(value)[:40]}: expected {limit.expected}")
    return number
