"""Retries inside a time budget, with waits that grow and jitter that spreads them."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

_FIRST_S = 0.05
_MOST_S = 5.0


class Budget:
    """The time for the tries of one call: how long to wait before the next, and when to give up.

    The waits follow "full jitter": uniform between 0 and a bound that doubles, so
    that many clients of a server that restarts do not come back at once.

    Args:
        seconds: how long the tries may take together.
        clock: seconds that only ever rise.
        draw: uniform random numbers in [0, 1).
    """

    def __init__(
        self,
        seconds: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self.seconds = seconds
        self.num_tries = 0
        self._clock, self._draw = clock, draw
        self._ends = clock() + seconds

    @property
    def left_s(self) -> float:
        """Return what is left of the budget."""
        return max(0.0, self._ends - self._clock())

    def renew(self) -> None:
        """Start the budget again: the server has shown that it is alive."""
        self._ends = self._clock() + self.seconds
        self.num_tries = 0

    def next_wait_s(self, at_least_s: float = 0.0) -> float | None:
        """Return how long to wait before the next try; None when there is no time for one."""
        bound = min(_MOST_S, _FIRST_S * 2**self.num_tries)
        self.num_tries += 1
        wait_s = max(at_least_s, self._draw() * bound)
        return wait_s if wait_s < self.left_s else None
