"""Entries, and the ring that keeps them in the order of their use."""


class Entry:
    """One stored value, linked to the entries used before and after it."""

    __slots__ = ("expires", "key", "newer", "older", "ttl", "value", "weight")

    def __init__(self, key, value, weight, ttl, expires):
        self.key = key
        self.value = value
        self.weight = weight
        self.ttl = ttl
        self.expires = expires
        self.older = self
        self.newer = self

    def is_expired(self, now):
        """Tell whether its time is over."""
        return self.expires is not None and now >= self.expires


class Ring:
    """A doubly linked ring of entries; `head.newer` is the oldest one, `head.older` the newest."""

    def __init__(self):
        self._head = Entry(None, None, 0, None, None)

    def append(self, entry):
        """Make an entry that is not in the ring its newest one."""
        newest = self._head.older
        entry.older, entry.newer = newest, self._head
        newest.newer = entry
        self._head.older = entry

    def remove(self, entry):
        """Take an entry out."""
        entry.older.newer = entry.newer
        entry.newer.older = entry.older
        entry.older = entry.newer = entry

    def renew(self, entry):
        """Make an entry of the ring its newest one."""
        self.remove(entry)
        self.append(entry)

    def oldest(self):
        """Return the entry used least recently, or None."""
        return None if self._head.newer is self._head else self._head.newer

    def __iter__(self):
        """Yield the entries from the oldest to the newest; the one just yielded may be removed."""
        entry = self._head.newer
        while entry is not self._head:
            following = entry.newer
            yield entry
            entry = following
