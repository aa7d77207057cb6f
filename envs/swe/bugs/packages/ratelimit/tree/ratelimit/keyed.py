"""One limiter for each client."""

import time
from collections import OrderedDict


class Keyed:
    """Limiters by key, made when they are first needed.

    Args:
        make: a function without arguments that returns a new limiter.
        max_keys: the most that are remembered; beyond it, the key that was not used for longest is forgotten.
        idle: seconds without use after which a key is forgotten.
        clock: a function that returns seconds.

    Raises:
        ValueError: if max_keys or idle is not positive.
    """

    def __init__(self, make, *, max_keys=1000, idle=3600.0, clock=time.monotonic):
        if max_keys <= 0 or idle <= 0:
            raise ValueError(f"max_keys {max_keys} and idle {idle} must be positive")
        self._make = make
        self._max_keys = max_keys
        self._idle = idle
        self._clock = clock
        self._limiters = OrderedDict()  # key -> (limiter, when it was last used), the latest at the end

    def __len__(self):
        return len(self._limiters)

    def __contains__(self, key):
        return key in self._limiters

    def check(self, key, amount=1):
        """Say whether a client may do so much; this counts as a use of the key only if it is known."""
        self.purge()
        if key not in self._limiters:
            return self._make().check(amount)
        return self._used(key).check(amount)

    def take(self, key, amount=1):
        """Let a client do so much, if it may.

        Raises:
            ValueError: if the amount could never be allowed; a new key is not remembered then.
        """
        self.purge()
        if key in self._limiters:
            return self._used(key).take(amount)
        limiter = self._make()
        decision = limiter.take(amount)
        self._limiters[key] = (limiter, self._clock())
        if len(self._limiters) > self._max_keys:
            self._limiters.popitem(last=False)
        return decision

    def forget(self, key):
        """Forget what a client has used, and say whether there was anything to forget."""
        return self._limiters.pop(key, None) is not None

    def purge(self):
        """Forget the keys that were idle too long, and return how many."""
        oldest = self._clock() - self._idle
        gone = 0
        while self._limiters and next(iter(self._limiters.values()))[1] <= oldest:
            self._limiters.popitem(last=False)
            gone += 1
        return gone

    def _used(self, key):
        limiter, _ = self._limiters.pop(key)
        self._limiters[key] = (limiter, self._clock())
        return limiter
