"""What is counted for each key: its sessions, and when it may ask again.

One process counts in a dictionary. Several workers count in memory that they
share: each writes a row of its own, so that the row of one that died can be
struck out, and a decision by the sum is made under the lock.
"""

from __future__ import annotations

import fcntl
import mmap
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Protocol

from ..protocol.limits import Rate
from ..protocol.problems import Refused, rate_limited

_WORD_BYTES = 8


class Ledger(Protocol):
    """The number of sessions of each key, those about to be made included."""

    shared: bool  # others count too: what is seen may change without a call of ours

    def lock(self) -> AbstractContextManager[None]:
        """Hold off all other counting while a decision is made."""
        ...

    def add(self, owner: str, num: int) -> None:
        """Count `num` more sessions of a key, or fewer."""
        ...

    def held(self, owner: str) -> int:
        """Return how many sessions a key holds."""
        ...

    def held_by_all(self) -> int:
        """Return how many sessions there are."""
        ...

    def ready_at(self, owner: str) -> float:
        """Return the time at which a key's bucket of requests is full again; 0 at first."""
        ...

    def set_ready_at(self, owner: str, seconds: float) -> None:
        """Set that time."""
        ...


class LocalLedger:
    """The counts of one process."""

    shared = False

    def __init__(self) -> None:
        self._held: Counter[str] = Counter()
        self._total = 0
        self._ready: dict[str, float] = {}

    def lock(self) -> AbstractContextManager[None]:
        """Hold nothing: there is one thread that counts."""
        return nullcontext()

    def add(self, owner: str, num: int) -> None:
        """Count `num` more sessions of a key, or fewer."""
        self._held[owner] += num
        self._total += num

    def held(self, owner: str) -> int:
        """Return how many sessions a key holds."""
        return self._held[owner]

    def held_by_all(self) -> int:
        """Return how many sessions there are."""
        return self._total

    def ready_at(self, owner: str) -> float:
        """Return the time at which a key's bucket of requests is full again; 0 at first."""
        return self._ready.get(owner, 0.0)

    def set_ready_at(self, owner: str, seconds: float) -> None:
        """Set that time."""
        self._ready[owner] = seconds


class SharedLedger:
    """The counts of several workers, in memory that they inherit.

    Sessions of a key that is no longer in the key file count for the whole server only.

    Args:
        owners: the names of all keys.
        num_workers: how many workers count.
        lock_file: locked while one decides; the lock of a process ends with it.
    """

    shared = True

    def __init__(self, owners: Sequence[str], num_workers: int, lock_file: Path) -> None:
        self._columns = {owner: number for number, owner in enumerate(owners)}
        self._width = len(owners) + 1  # the last column is for all others
        self._num_workers, self._worker = num_workers, 0
        memory = memoryview(mmap.mmap(-1, _WORD_BYTES * self._width * (num_workers + 1)))
        cut = _WORD_BYTES * self._width
        self._ready = memory[:cut].cast("d")
        self._held = memory[cut:].cast("q")
        self._lock = os.open(lock_file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def belong_to(self, worker: int) -> None:
        """Count for one worker from now on, from nothing."""
        self._worker = worker
        self.strike(worker)

    def strike(self, worker: int) -> None:
        """Strike out what a worker has counted, because it is gone."""
        for place in range(worker * self._width, (worker + 1) * self._width):
            self._held[place] = 0

    @contextmanager
    def _locked(self) -> Iterator[None]:
        fcntl.lockf(self._lock, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.lockf(self._lock, fcntl.LOCK_UN)

    def lock(self) -> AbstractContextManager[None]:
        """Hold off all other workers; microseconds."""
        return self._locked()

    def add(self, owner: str, num: int) -> None:
        """Count `num` more sessions of a key, or fewer."""
        self._held[self._worker * self._width + self._column(owner)] += num

    def held(self, owner: str) -> int:
        """Return how many sessions a key holds, at all workers."""
        return sum(self._held[self._column(owner) :: self._width])

    def held_by_all(self) -> int:
        """Return how many sessions there are, at all workers."""
        return sum(self._held)

    def ready_at(self, owner: str) -> float:
        """Return the time at which a key's bucket of requests is full again; 0 at first."""
        return self._ready[self._column(owner)]

    def set_ready_at(self, owner: str, seconds: float) -> None:
        """Set that time."""
        self._ready[self._column(owner)] = seconds

    def _column(self, owner: str) -> int:
        return self._columns.get(owner, self._width - 1)


class Rates:
    """How many requests a second a key may make: a bucket of tokens for each.

    A bucket holds `burst` tokens and gains `rate` a second; a request takes one,
    whatever it carries. It is kept as one number, the time at which it is full again
    (the generic cell rate algorithm), so that workers can share it.

    Args:
        rate: its `max_rate` is not 0.
        ledger: where the buckets are kept.
    """

    def __init__(self, rate: Rate, ledger: Ledger) -> None:
        self._rate, self._ledger = rate.max_rate, ledger
        self._interval_s = 1 / rate.max_rate
        burst = rate.max_burst or max(1.0, rate.max_rate)
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
