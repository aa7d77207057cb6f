"""The cache itself."""

import time

from .entry import Entry, Ring
from .expiry import Expiry
from .stats import Stats

_MISSING = object()
_OWN = object()


class Cache:
    """A mapping that is bounded by weight and drops what was used least recently.

    max_weight: what all entries together may weigh.
    ttl: seconds that an entry stays, unless `set` says otherwise; None is for ever.
    weigh: a function of key and value that gives an entry's weight; 1 without one.
    clock: a function that gives the time in seconds.
    """

    def __init__(self, max_weight, ttl=None, weigh=None, clock=time.monotonic):
        if max_weight < 0:
            raise ValueError("max_weight must not be negative")
        self.max_weight = max_weight
        self.default_ttl = _checked_ttl(ttl)
        self.stats = Stats()
        self._weigh = weigh
        self._clock = clock
        self._entries = {}
        self._ring = Ring()
        self._expiry = Expiry()
        self._weight = 0
        self._listeners = []
        self._news = []
        self._telling = False

    @property
    def weight(self):
        """What the entries that have not expired weigh together."""
        self.purge()
        return self._weight

    def get(self, key, default=None):
        """Return the value of a key and make it the last one used, or the default."""
        self.purge()
        entry = self._entries.get(key)
        if entry is None:
            self.stats.misses += 1
            return default
        self.stats.hits += 1
        self._ring.renew(entry)
        return entry.value

    def peek(self, key, default=None):
        """Return the value of a key without using it: neither order nor statistics change."""
        entry = self._entries.get(key)
        if entry is None or entry.is_expired(self._clock()):
            return default
        return entry.value

    def set(self, key, value, weight=None, ttl=_OWN):
        """Store a value as the last one used; return False if it is too heavy, and nothing is stored then.

        weight: what it weighs; None asks the cache's `weigh`.
        ttl: seconds that it stays; without it those of the cache, None is for ever.
        """
        weight = self._weight_of(key, value, weight)
        ttl = self.default_ttl if ttl is _OWN else _checked_ttl(ttl)
        self.purge()
        self._remove(key, "replaced")
        if weight > self.max_weight:
            self.stats.refusals += 1
            self._tell()
            return False
        expires = None if ttl is None else self._clock() + ttl
        self._make_room(weight)
        self._insert(Entry(key, value, weight, ttl, expires))
        self._tell()
        return True

    def set_many(self, items, weight=None, ttl=_OWN):
        """Store several values in their order; return the keys that were refused."""
        pairs = items.items() if hasattr(items, "items") else items
        return [key for key, value in pairs if not self.set(key, value, weight, ttl)]

    def get_or_load(self, key, load, ttl=_OWN):
        """Return the value of a key; if it is missing, store what `load(key)` returns.

        A value too heavy to be stored is returned all the same. If `load` raises, nothing changes.
        """
        value = self.get(key, _MISSING)
        if value is _MISSING:
            value = load(key)
            self.set(key, value, ttl=ttl)
        return value

    def touch(self, key, ttl=_OWN):
        """Use an entry and start its time again, or a new one; tell whether it was there."""
        self.purge()
        entry = self._entries.get(key)
        if entry is None:
            return False
        if ttl is not _OWN:
            entry.ttl = _checked_ttl(ttl)
        entry.expires = None if entry.ttl is None else self._clock() + entry.ttl
        self._expiry.schedule(key, entry.expires)
        self._ring.renew(entry)
        return True

    def remaining(self, key):
        """Return the seconds that an entry still has, None for ever.

        Raises KeyError if it is not there.
        """
        self.purge()
        expires = self._entries[key].expires
        return None if expires is None else expires - self._clock()

    def delete(self, key):
        """Drop an entry; tell whether it was there."""
        self.purge()
        found = self._remove(key, "deleted")
        self._tell()
        return found

    def pop(self, key, default=_MISSING):
        """Drop an entry and return its value, or the default; without one a missing key is a KeyError."""
        self.purge()
        if key not in self._entries:
            if default is _MISSING:
                raise KeyError(key)
            return default
        value = self._entries[key].value
        self.delete(key)
        return value

    def resize(self, max_weight):
        """Change what the entries together may weigh, and evict what no longer fits."""
        if max_weight < 0:
            raise ValueError("max_weight must not be negative")
        self.purge()
        self.max_weight = max_weight
        self._make_room(0)
        self._tell()

    def clear(self):
        """Drop every entry; each counts as deleted, from the oldest to the newest."""
        self.purge()
        for entry in self._ring:
            self._remove(entry.key, "deleted")
        self._tell()

    def purge(self):
        """Drop what has expired, soonest first, and return how many."""
        keys = self._expiry.due(self._clock())
        for key in keys:
            self._remove(key, "expired")
        self.stats.expirations += len(keys)
        self._tell()
        return len(keys)

    def subscribe(self, listener):
        """Let a function be told (key, value, reason) of removals; return one that ends this."""
        self._listeners.append(listener)

        def end():
            if listener in self._listeners:
                self._listeners.remove(listener)

        return end

    def keys(self):
        """Return the keys, the one used least recently first."""
        self.purge()
        return [entry.key for entry in self._ring]

    def items(self):
        """Return (key, value) pairs, the one used least recently first."""
        self.purge()
        return [(entry.key, entry.value) for entry in self._ring]

    def __iter__(self):
        return iter(self.keys())

    def __len__(self):
        self.purge()
        return len(self._entries)

    def __contains__(self, key):
        entry = self._entries.get(key)
        return entry is not None and not entry.is_expired(self._clock())

    def _weight_of(self, key, value, weight):
        if weight is None:
            weight = 1 if self._weigh is None else self._weigh(key, value)
        if weight < 0:
            raise ValueError("an entry must not weigh less than nothing")
        return weight

    def _make_room(self, weight):
        """Evict the entries used least recently until so much more fits."""
        while self._weight + weight > self.max_weight:
            self._remove(self._ring.oldest().key, "evicted")
            self.stats.evictions += 1

    def _insert(self, entry):
        self._entries[entry.key] = entry
        self._ring.append(entry)
        self._expiry.schedule(entry.key, entry.expires)
        self._weight += entry.weight

    def _remove(self, key, reason):
        """Take an entry out of everything that knows of it; its listeners are told later."""
        entry = self._entries.pop(key, None)
        if entry is None:
            return False
        self._ring.remove(entry)
        self._expiry.cancel(key)
        self._weight -= entry.weight
        self._news.append((entry.key, entry.value, reason))
        return True

    def _tell(self):
        """Tell the listeners what was removed, in order; what they remove themselves comes after it."""
        if self._telling:
            return
        self._telling = True
        try:
            while self._news:
                news = self._news.pop(0)
                for listener in list(self._listeners):
                    listener(*news)
        finally:
            self._telling = False


def _checked_ttl(ttl):
    if ttl is not None and ttl < 0:
        raise ValueError("ttl must not be negative")
    return ttl
