"""Runs that differ in their seed alone, found by their recipes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from .run import Run

_FREE_SECTIONS = ("log", "server")
_FREE = ("seed", "num_updates", "max_seconds", "save_every", "keep")  # of [train]


def recipe_word(run: Run) -> str:
    """Return a word that runs of one recipe share, whatever their seed; "" where no recipe can be read."""
    if not run.recipe:
        return ""
    kept: dict[str, Any] = {name: table for name, table in run.recipe.items() if name not in _FREE_SECTIONS}
    if isinstance(train := kept.get("train"), dict):
        kept["train"] = {name: value for name, value in train.items() if name not in _FREE}
    return hashlib.blake2b(json.dumps(kept, sort_keys=True, default=str).encode(), digest_size=6).hexdigest()


def together(runs: Sequence[Run]) -> dict[str, list[Run]]:
    """Return the recipes of which there are several runs with updates, by their words."""
    found: dict[str, list[Run]] = {}
    for run in runs:
        if run.updates and (word := recipe_word(run)):
            found.setdefault(word, []).append(run)
    return {word: members for word, members in found.items() if len(members) > 1}
