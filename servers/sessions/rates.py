"""How many requests a second a key may make: a bucket of tokens for each.

A bucket holds `burst` tokens and gains `rate` a second; a request takes one,
whatever it carries. It is kept as one number, the time at which it is full again
(the generic cell rate algorithm), so that workers can share it.
"""

from __future__ import annotations

from ..protocol.limits import Limits
from ..protocol.problems import Refused, rate_limited
from .counts import Ledger

__all__ = ["Rates"]


class Rates:
    """Admit requests, or say when to come back.

    Args:
        limits: `max_rate`, which is not 0, and `max_burst`.
        ledger: where the buckets are kept.
    """

    def __init__(self, limits: Limits, ledger: Ledger) -> None:
        self._rate, self._ledger = limits.max_rate, ledger
        self._interval_s = 1 / limits.max_rate
        burst = limits.max_burst or max(1.0, limits.max_rate)
        self._ahead_s = (burst - 1) * self._interval_s

    def take(self, owner: str, now: float) -> None:
        """Take a token out of a key's bucket.

        Raises:
            Refused: 429, with the time until the next token.
        """
        with self._ledger.lock():
            full_at = max(self._ledger.ready_at(owner), now)
            wait_s = full_at - now - self._ahead_s
            if wait_s <= 1e-9:  # less than the clock can tell
                self._ledger.set_ready_at(owner, full_at + self._interval_s)
                return
        raise Refused(rate_limited(self._rate), retry_after_s=wait_s)
