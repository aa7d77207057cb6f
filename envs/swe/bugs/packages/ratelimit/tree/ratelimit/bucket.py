"""Token buckets: tokens come in at a steady rate, and what happens takes some out."""

import time

from .decision import Decision, checked_amount


class TokenBucket:
    """A bucket of tokens, full at first.

    Args:
        rate: tokens that come in a second; parts of a token count.
        capacity: the most that it holds.
        clock: a function that returns seconds. If it runs backwards, no time has passed.

    Raises:
        ValueError: if rate or capacity is not positive.
    """

    def __init__(self, rate, capacity, *, clock=time.monotonic):
        if rate <= 0 or capacity <= 0:
            raise ValueError(f"rate {rate} and capacity {capacity} must be positive")
        self.rate = rate
        self.capacity = capacity
        self._clock = clock
        self._tokens = float(capacity)
        self._updated = clock()

    @property
    def tokens(self):
        """How many tokens there are now."""
        self._refill()
        return self._tokens

    def check(self, amount=1):
        """Say whether so many tokens could be taken now.

        Raises:
            ValueError: if the amount is not positive or more than the bucket holds.
        """
        checked_amount(amount, self.capacity)
        allowed = amount <= self.tokens
        left = self._tokens - amount if allowed else self._tokens
        wait = 0.0 if allowed else (amount - left) / self.rate
        return Decision(allowed, self.capacity, left, wait, (self.capacity - left) / self.rate)

    def take(self, amount=1):
        """Take so many tokens, or none.

        Raises:
            ValueError: as `check`.
        """
        decision = self.check(amount)
        self._tokens = decision.remaining
        return decision

    def give_back(self, amount=1):
        """Put tokens back that were taken and not needed; what does not fit is lost."""
        self._tokens = min(self.capacity, self.tokens + amount)

    def _refill(self):
        now = self._clock()
        if now > self._updated:
            gained = (now - self._updated) * self.rate
            self._tokens = min(self.capacity, self._tokens + gained)
            self._updated = now
