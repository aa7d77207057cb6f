"""Which failed episodes are played again: not those of a cause that playing again never cures."""

from __future__ import annotations

import re
from collections import Counter

from ...shown import visible
from ..types import Trajectory

_IN_VAIN = 3  # retries that failed alike, none helped: the next of that cause is not tried
_MAX_SHOWN_CHARS = 300


class Retries:
    """The retries of one rollout by their cause, where numbers in the cause do not matter.

    Args:
        allowed: how often one episode may be played again.
    """

    def __init__(self, allowed: int) -> None:
        self._allowed = allowed
        self._causes: Counter[str] = Counter()  # as first met, of the episodes played again
        self._first: dict[str, str] = {}  # a cause without its numbers -> as first met
        self._in_vain: Counter[str] = Counter()
        self._cured: Counter[str] = Counter()
        self._refrained = 0

    def wanted(self, failed: Trajectory, already: int) -> bool:
        """Tell whether an episode, played again so many times already, failed and should be once more."""
        if failed.end != "error" or already >= self._allowed:
            return False
        cause = _kind(failed)
        if self._in_vain[cause] >= _IN_VAIN and not self._cured[cause]:
            self._refrained += 1
            return False
        self._causes[self._first.setdefault(cause, str(failed.error))] += 1
        return True

    def done(self, failed: Trajectory, again: Trajectory) -> None:
        """Note what playing again came to."""
        if again.end != "error":
            self._cured[_kind(failed)] += 1
        elif _kind(again) == _kind(failed):
            self._in_vain[_kind(failed)] += 1

    def told(self) -> str:
        """Return all of it in one line; empty if nothing was played again."""
        if not self._causes:
            return ""
        num, helped = self._causes.total(), self._cured.total()
        shown = "; ".join(f"{count} times {_short(cause)}" for cause, count in self._causes.most_common(3))
        left = f", and {self._refrained} more were not, since it never helped" if self._refrained else ""
        return f"episodes played again: {num}, with success {helped}{left}; causes: {shown}"


def _kind(trajectory: Trajectory) -> str:
    return re.sub(r"\d+", "#", str(trajectory.error))


def _short(cause: str) -> str:
    shown = visible(" ".join(cause.split()))
    return shown if len(shown) <= _MAX_SHOWN_CHARS else shown[: _MAX_SHOWN_CHARS - 4] + " ..."
