"""Limits of so much in a window of time."""

import time
from collections import deque

from .decision import Decision, checked_amount


class _Window:
    def __init__(self, limit, period, *, clock=time.monotonic):
        if limit <= 0 or period <= 0:
            raise ValueError(f"limit {limit} and period {period} must be positive")
        self.limit = limit
        self.period = period
        self._clock = clock


class FixedWindow(_Window):
    """So much in every window; windows begin at multiples of the period.

    Args:
        limit: how much.
        period: seconds of a window.
        clock: a function that returns seconds.
    """

    def __init__(self, limit, period, *, clock=time.monotonic):
        super().__init__(limit, period, clock=clock)
        self._number = None
        self._used = 0

    def check(self, amount=1):
        """Say whether so much may happen now."""
        checked_amount(amount, self.limit)
        now = self._clock()
        number = now // self.period
        if number != self._number:
            self._number = number
            self._used = 0
        ends = (number + 1) * self.period - now
        allowed = self._used + amount <= self.limit
        used = self._used + amount if allowed else self._used
        return Decision(allowed, self.limit, self.limit - used, 0.0 if allowed else ends, ends)

    def take(self, amount=1):
        """Let so much happen now, if it may."""
        decision = self.check(amount)
        self._used = self.limit - decision.remaining
        return decision


class SlidingLog(_Window):
    """So much in any stretch of time as long as the period; remembers each single event.

    What happened exactly one period ago does not count any more.

    Args:
        limit: how much.
        period: seconds of the stretch.
        clock: a function that returns seconds.
    """

    def __init__(self, limit, period, *, clock=time.monotonic):
        super().__init__(limit, period, clock=clock)
        self._events = deque()
        self._used = 0

    def check(self, amount=1):
        """Say whether so much may happen now."""
        checked_amount(amount, self.limit)
        now = self._clock()
        self._forget(now)
        if self._used + amount <= self.limit:
            return Decision(True, self.limit, self.limit - self._used - amount, 0.0, float(self.period))
        free = self.limit - self._used
        waits = []
        for happened, size in self._events:
            if free < amount:
                waits.append(happened + self.period - now)
            free += size
        reset = self._events[-1][0] + self.period - now
        return Decision(False, self.limit, self.limit - self._used, waits[-1], reset)

    def take(self, amount=1):
        """Let so much happen now, if it may."""
        decision = self.check(amount)
        if decision.allowed:
            self._events.append((self._clock(), amount))
            self._used += amount
        return decision

    def _forget(self, now):
        while self._events and self._events[0][0] + self.period <= now:
            _, size = self._events.popleft()
            self._used -= size


class SlidingCounter(_Window):
    """An estimate of a sliding log from two counts: this window and the one before.

    What happened in the window before is taken to be spread evenly over it, so that it counts by the
    share of that window which still lies within one period.

    Args:
        limit: how much.
        period: seconds of a window.
        clock: a function that returns seconds.
    """

    def __init__(self, limit, period, *, clock=time.monotonic):
        super().__init__(limit, period, clock=clock)
        self._number = None
        self._current = 0
        self._previous = 0

    def check(self, amount=1):
        """Say whether so much may happen now."""
        checked_amount(amount, self.limit)
        now = self._clock()
        self._turn(now // self.period)
        elapsed = now - self._number * self.period
        overlap = 1 - elapsed / self.period
        used = self._previous * overlap + self._current
        allowed = used + amount <= self.limit
        left = self.limit - used - (amount if allowed else 0)
        wait = 0.0 if allowed else self._wait(amount, elapsed)
        current = self._current + (amount if allowed else 0)
        reset = self._reset(elapsed, current)
        return Decision(allowed, self.limit, max(left, 0.0), wait, reset)

    def take(self, amount=1):
        """Let so much happen now, if it may."""
        decision = self.check(amount)
        if decision.allowed:
            self._current += amount
        return decision

    def _turn(self, number):
        if number == self._number:
            return
        follows = self._number is not None and number == self._number + 1
        self._previous = self._current if follows else 0
        self._current = 0
        self._number = number

    def _wait(self, amount, elapsed):
        """Return the seconds until the estimate has fallen far enough, in this window or the next."""
        allowed = self.limit - amount
        if self._current <= allowed:
            return self.period * (1 - (allowed - self._current) / self._previous) - elapsed
        return self.period * (2 - allowed / self._current) - elapsed

    def _reset(self, elapsed, current):
        return (2 if current else 1) * self.period - elapsed
