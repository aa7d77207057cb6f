"""What a cache counts."""


class Stats:
    """Counters of a cache; `snapshot` gives them as a dict of their own."""

    NAMES = ("hits", "misses", "evictions", "expirations", "refusals")

    def __init__(self):
        self.reset()

    def reset(self):
        """Begin again at zero."""
        for name in self.NAMES:
            setattr(self, name, 0)

    @property
    def lookups(self):
        """How often something was asked for."""
        return self.hits + self.misses

    def hit_rate(self):
        """Return the share of lookups that were hits; 0.0 before the first."""
        return self.hits / self.lookups if self.lookups else 0.0

    def snapshot(self):
        """Return the counters by name."""
        return {name: getattr(self, name) for name in self.NAMES}

    def since(self, snapshot):
        """Return how far each counter has moved since a snapshot."""
        return {name: getattr(self, name) - snapshot.get(name, 0) for name in self.NAMES}
