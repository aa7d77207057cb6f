"""How many may do something at the same time."""

import time
from contextlib import contextmanager


class TooMany(Exception):
    """All leases are out.

    Args:
        retry_after: seconds until the first one ends by itself.
    """

    def __init__(self, retry_after):
        super().__init__(f"all leases are out; one ends in {retry_after:g} seconds")
        self.retry_after = retry_after


class Leases:
    """A number of leases, each of which ends by itself if it is neither renewed nor released.

    Args:
        limit: how many there are.
        ttl: seconds that a lease lasts.
        clock: a function that returns seconds.
    """

    def __init__(self, limit, ttl, *, clock=time.monotonic):
        if limit <= 0 or ttl <= 0:
            raise ValueError(f"limit {limit} and ttl {ttl} must be positive")
        self.limit = limit
        self.ttl = ttl
        self._clock = clock
        self._ends = {}
        self._last = 0

    @property
    def out(self):
        """How many leases are out."""
        self._expire()
        return len(self._ends)

    def acquire(self):
        """Return the number of a new lease; numbers are not used twice.

        Raises:
            TooMany: if all of them are out.
        """
        if self.out >= self.limit:
            raise TooMany(min(self._ends.values()) - self._clock())
        self._last += 1
        self._ends[self._last] = self._clock() + self.ttl
        return self._last

    def renew(self, lease):
        """Let a lease last for the whole time from now on, and say whether it was still out."""
        self._expire()
        if lease not in self._ends:
            return False
        self._ends[lease] = self._clock() + self.ttl
        return True

    def release(self, lease):
        """End a lease, and say whether it was still out."""
        self._expire()
        return self._ends.pop(lease, None) is not None

    @contextmanager
    def held(self):
        """Hold a lease for the time of a `with` block, however that ends.

        Raises:
            TooMany: if all of them are out.
        """
        lease = self.acquire()
        try:
            yield lease
        finally:
            self.release(lease)

    def _expire(self):
        now = self._clock()
        self._ends = {lease: end for lease, end in self._ends.items() if end > now}
