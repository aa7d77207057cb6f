"""Names that could have been meant."""

from __future__ import annotations

from collections.abc import Iterable


def distance(one: str, other: str) -> int:
    """Return how many characters have to be put in, left out, replaced or swapped with their neighbour."""
    rows = [list(range(len(other) + 1))]
    for i, left in enumerate(one, 1):
        row = [i]
        for j, right in enumerate(other, 1):
            cost = min(rows[-1][j] + 1, row[-1] + 1, rows[-1][j - 1] + (left != right))
            if i > 1 and j > 1 and left == other[j - 2] and right == one[i - 2]:
                cost = min(cost, rows[-2][j - 2] + 1)
            row.append(cost)
        rows.append(row)
    return rows[-1][-1]


def nearest(word: str, names: Iterable[str], count: int = 3) -> list[str]:
    """Return the names that are near a word, the nearest first, then by the alphabet.

    Near is what differs in at most a third of the longer one's characters, rounded up.
    """
    ranked = []
    for name in set(names):
        apart = distance(word, name)
        if apart * 3 < max(len(word), len(name)) + 3:
            ranked.append((apart, name))
    return [name for _, name in sorted(ranked)[:count]]
