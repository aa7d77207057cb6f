"""`shopping/webshop-v0`: the original catalogue, goals and pages."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..retrieval.storage import source_tag
from .catalogue import Catalogue, shared_catalogue
from .environment import MAX_TURNS, ShoppingEnv
from .goals import Goal, load_goals
from .pages import Mode
from .splits import draws


class WebShop(ShoppingEnv):
    """The shop of the original files; see ShoppingEnv for the game.

    Args:
        items: `items_shuffle*.json`.
        instructions: `items_ins_v2*.json`.
        human: `items_human_ins.json`; the goals are people's words where it is given.
        goals: a file of frozen goals; without it goals are made from the products, the same ones
            in the same order as the original makes, with price caps drawn by a hash.
        prices: a file of frozen prices.
        mode: `text` or `text_rich`.
        goal_index: always this goal.
        split: all, train, seen, unseen or test.
        protocol: `product` (no product on two sides, every product drawn alike) or `literature`
            (goals 0 to 499 are the test set, every goal drawn alike).
        strict: match options by name and exact value.
        max_turns: an episode ends after so many turns.
        choices: list searches on the search page, for agents that choose from a list.
        cache: a folder that keeps what is made of the files for the next time.

    Raises:
        UsageError: if a file is wrong, naming file, record and field.
    """

    def __init__(
        self,
        items: str | Path,
        instructions: str | Path,
        human: str | Path | None = None,
        goals: str | Path | None = None,
        prices: str | Path | None = None,
        mode: Mode = "text",
        goal_index: int | None = None,
        split: str = "all",
        protocol: str = "product",
        strict: bool = False,
        max_turns: int = MAX_TURNS,
        choices: bool = False,
        cache: str | Path | None = None,
    ) -> None:
        catalogue = shared_catalogue(items, instructions, human, prices, cache)
        tag = source_tag(Path(goals)) if goals is not None else ""
        tasks, groups = _tasks(catalogue, None if goals is None else str(goals), tag, split, protocol)
        super().__init__(
            catalogue,
            tasks,
            groups,
            mode=mode,
            goal_index=goal_index,
            strict=strict,
            max_turns=max_turns,
            choices=choices,
            goals_digest=_digest(str(goals), tag) if goals is not None else "",
        )


@functools.lru_cache(maxsize=32)
def _tasks(
    catalogue: Catalogue, goals: str | None, tag: str, split: str, protocol: str
) -> tuple[Sequence[Goal], Sequence[Sequence[int]]]:
    """Return every goal and the groups of the split, once per process and state of the file."""
    every: Any = catalogue.goals if goals is None else _frozen(catalogue, goals, tag)
    return every, draws(every, split, protocol)


@functools.lru_cache(maxsize=8)
def _frozen(catalogue: Catalogue, goals: str, tag: str) -> list[Goal]:
    return load_goals(Path(goals), catalogue.products)


@functools.lru_cache(maxsize=8)
def _digest(goals: str, tag: str) -> str:
    return hashlib.sha256(Path(goals).read_bytes()).hexdigest()[:16]
