"""Which strategy counts for which path."""

from .errors import MergeError
from .paths import parse_path

STRATEGIES = ("deep", "replace", "keep", "forbid", "append", "prepend", "union", "max", "min", "sum")


class Rules:
    """Strategies by pattern.

    A pattern is a path in which `*` stands for any one step and `**` for any number of steps, none too. Of
    the patterns that match a path, the one with more plain steps wins; among those the one with more `*`,
    and among those the one that was set last.

    Args:
        patterns: pattern -> strategy.

    Raises:
        MergeError: if a strategy is not known.
    """

    def __init__(self, patterns=()):
        self._patterns = []
        for pattern, strategy in dict(patterns).items():
            self.set(pattern, strategy)

    def set(self, pattern, strategy):
        """Add a pattern; one that is there already gets the new strategy, and counts as set last.

        Raises:
            MergeError: if the strategy is not known.
        """
        if strategy not in STRATEGIES and not (strategy.startswith("by:") and strategy[3:]):
            raise MergeError(
                f"unknown strategy {strategy!r}; expected by:KEY or one of {', '.join(STRATEGIES)}"
            )
        steps = parse_path(pattern)
        self._patterns = [(one, other) for one, other in self._patterns if one != steps]
        self._patterns.append((steps, strategy))

    def strategy(self, path):
        """Return the strategy for a path: "deep" where no pattern matches."""
        best = (-1, -1)
        found = "deep"
        for pattern, strategy in self._patterns:
            rank = _rank(pattern)
            if rank >= best and _matches(pattern, path):
                best, found = rank, strategy
        return found


def _rank(pattern):
    plain = sum(step not in ("*", "**") for step in pattern)
    return plain, pattern.count("*")


def _matches(pattern, path):
    if not pattern:
        return not path
    if pattern[0] == "**":
        return any(_matches(pattern[1:], path[start:]) for start in range(len(path) + 1))
    if not path:
        return False
    return pattern[0] in ("*", path[0]) and _matches(pattern[1:], path[1:])
