"""Runs that differ in their seed and length alone, found by their recipes."""

from __future__ import annotations

from collections.abc import Sequence

from ..runs.alike import recipe_word
from .run import Run


def together(runs: Sequence[Run]) -> dict[str, list[Run]]:
    """Return the recipes of which there are several runs with updates, by their words."""
    found: dict[str, list[Run]] = {}
    for run in runs:
        if run.updates and (word := recipe_word(run.recipe)):
            found.setdefault(word, []).append(run)
    return {word: members for word, members in found.items() if len(members) > 1}
