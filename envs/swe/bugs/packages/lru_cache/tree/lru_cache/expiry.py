"""Which entries expire next: a heap with lazy deletion."""

import heapq
import itertools


class Expiry:
    """The times at which entries expire, soonest first.

    An entry may be scheduled several times; only the latest schedule counts. Stale records stay in
    the heap until they come up, or until they outnumber the others.
    """

    def __init__(self):
        self._heap = []
        self._current = {}
        self._numbers = itertools.count()

    def __len__(self):
        return len(self._current)

    @property
    def records(self):
        """How many records the heap holds, stale ones included."""
        return len(self._heap)

    def schedule(self, key, expires):
        """Let a key expire at a time; None cancels it."""
        self.cancel(key)
        if expires is None:
            return
        number = next(self._numbers)
        self._current[key] = number
        heapq.heappush(self._heap, (expires, number, key))
        if len(self._heap) > 2 * len(self._current) + 16:
            self._compact()

    def cancel(self, key):
        """Forget the time of a key, if it has one."""
        self._current.pop(key, None)

    def due(self, now):
        """Return the keys whose time has come, soonest first, and forget their times."""
        keys = []
        while self._heap and self._heap[0][0] <= now:
            _, number, key = heapq.heappop(self._heap)
            if self._current.get(key) == number:
                del self._current[key]
                keys.append(key)
        return keys

    def next_time(self):
        """Return when the next key expires, or None."""
        while self._heap:
            expires, number, key = self._heap[0]
            if self._current.get(key) == number:
                return expires
            heapq.heappop(self._heap)
        return None

    def clear(self):
        """Forget every time."""
        self._heap.clear()
        self._current.clear()

    def _compact(self):
        self._heap = [record for record in self._heap if self._current.get(record[2]) == record[1]]
        heapq.heapify(self._heap)
