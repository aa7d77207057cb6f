"""Calls that an agent without an idea may draw from: some look, some change a line, one hands in."""

from __future__ import annotations

import shlex

import numpy as np

NUM_FILES = 4
_MAX_LINE = 60


def suggested(listing: str, chance: np.random.Generator) -> list[str]:
    """Return calls for a tree.

    Args:
        listing: its files, one a line.
        chance: decides which files and lines.
    """
    sources = [line for line in listing.splitlines() if line.endswith(".py") and "test" not in line]
    picked = [sources[int(at)] for at in chance.permutation(len(sources))[:NUM_FILES]]
    calls = ["run_tests", "undo", "submit", "view .", "search 'def '", "bash ls -R"]
    for path in sorted(picked):
        name, line = shlex.quote(path), int(chance.integers(1, _MAX_LINE))
        calls += [f"view {name}", f"bash sed -i '{line}d' {name}", f"bash sed -i '{line}s/ + / - /' {name}"]
    return calls
