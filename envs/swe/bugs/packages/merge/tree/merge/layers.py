"""Layers with names and priorities, and what comes out when they lie over each other."""

from .errors import MergeError
from .merging import merge
from .paths import get
from .rules import Rules
from .values import clone, same

_MISSING = object()


class Stack:
    """Named layers: those with a higher priority lie over those with a lower one, and among layers of the
    same priority the one that was added later lies over the other.

    Args:
        rules: which strategies count; "deep" everywhere if None.
    """

    def __init__(self, rules=None):
        self._rules = rules or Rules()
        self._layers = {}  # name -> (priority, values), in the order of adding
        self._effective = None  # remembered until something changes

    @property
    def names(self):
        """The names of the layers, the lowest first."""
        return sorted(self._layers, key=lambda name: self._layers[name][0])

    def add(self, name, values, priority=0):
        """Add a layer. Later changes to the values do not count.

        Raises:
            MergeError: if there is a layer of that name.
        """
        if name in self._layers:
            raise MergeError(f"there is a layer {name!r} already")
        self._layers[name] = (priority, clone(values, removals=True))
        self._effective = None

    def replace(self, name, values):
        """Give a layer other values; its priority and place stay.

        Raises:
            MergeError: if there is no such layer.
        """
        priority, _ = self._layer(name)
        self._layers[name] = (priority, clone(values, removals=True))
        self._effective = None

    def remove(self, name):
        """Remove a layer.

        Raises:
            MergeError: if there is no such layer.
        """
        self._layer(name)
        del self._layers[name]
        self._effective = None

    def set_rule(self, pattern, strategy):
        """Add a rule, as `Rules.set` does."""
        self._rules.set(pattern, strategy)
        self._effective = None

    def effective(self):
        """Return all layers merged, a dictionary of the caller's own.

        Raises:
            ConflictError: if layers cannot be merged.
        """
        if self._effective is None:
            for _, merged in self._steps():
                self._effective = merged
        return clone(self._effective or {})

    def origin(self, path):
        """Return the name of the layer that last changed what a path leads to, or None if nothing is there.

        A layer that says again what lower ones have said already changes nothing.
        """
        found = None
        before = _MISSING
        for name, merged in self._steps():
            value = get(merged, path, _MISSING)
            if not same(value, before):
                found = None if value is _MISSING else name
                before = value
        return found

    def explain(self, path):
        """Return (name, value) for every layer that itself has something at a path, the lowest first."""
        found = []
        for name in self.names:
            value = get(self._layers[name][1], path, _MISSING)
            if value is not _MISSING:
                found.append((name, clone(value, removals=True)))
        return found

    def _steps(self):
        """Yield each layer's name and what is merged up to it."""
        merged = {}
        for name in self.names:
            merged = merge(merged, self._layers[name][1], self._rules)
            yield name, merged

    def _layer(self, name):
        if name not in self._layers:
            raise MergeError(f"there is no layer {name!r}; there are: {', '.join(self.names)}")
        return self._layers[name]
