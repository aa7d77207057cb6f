"""Runs that differ in their seed and length at most, found by their recipes."""

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


def counted(members: Sequence[Run]) -> str:
    """Say how many seeds some runs of one recipe have, and how many runs they are where these are more."""
    seeds, runs = len({run.asked("train", "seed") for run in members}), len(members)
    return f"{seeds} seeds" if seeds == runs else f"{runs} runs of {seeds} seed{'s' if seeds > 1 else ''}"
