"""How long a part of a run still takes, from how fast it went so far."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter

_LEAST_S = 1.0  # less is not worth a word


class TimeLeft:
    """The pace of each part of a run: demonstrations, cloning, training with its evaluations.

    Args:
        clock: seconds that only grow.
    """

    def __init__(self, clock: Callable[[], float] = perf_counter) -> None:
        self._clock = clock
        self._begun: dict[str, tuple[float, float]] = {}

    def of(self, part: str, share: float, spent: float = 0.0) -> float | None:
        """Return the seconds that a part still takes; None while nothing tells its pace.

        Args:
            part: its name.
            share: how much of it is done, 0 to 1.
            spent: seconds that it took so far, where somebody knows; they count only until two
                points of this process tell, in which all that happens between updates is included.
        """
        now = self._clock()
        begun, first = self._begun.setdefault(part, (now, share))
        if share > first:
            return (now - begun) / (share - first) * max(0.0, 1 - share)
        return spent / share * max(0.0, 1 - share) if spent and share else None


def in_words(seconds: float | None) -> str:
    """Return `, about 3 min left`; nothing for no time or an unknown one."""
    if seconds is None or seconds < _LEAST_S:
        return ""
    if seconds < 90:
        return f", about {seconds:.0f} s left"
    minutes = round(seconds / 60)
    return f", about {minutes} min left" if minutes < 90 else f", about {minutes / 60:.1f} h left"
