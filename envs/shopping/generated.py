"""`shopping/generated-v0`: a shop of thousands of made-up products; needs no files."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import get_args

from ...errors import UnknownName
from .environment import MAX_TURNS, ShoppingEnv
from .generate import NUM_PRODUCTS, GeneratedGoals, generated_catalogue
from .pages import Mode
from .splits import draws
from .wording import Difficulty


class GeneratedShop(ShoppingEnv):
    """A shop of generated products; see ShoppingEnv for the game.

    Args:
        difficulty: easy, medium, hard, or mix for all three.
        split: all, train, seen, unseen or test; by product, every product drawn alike.
        mode: `text` or `text_rich`.
        goal_index: always this goal.
        strict: match options by name and exact value.
        max_turns: an episode ends after so many turns.
        choices: list searches on the search page, for agents that choose from a list.
        catalogue_seed: another seed is another shop.
        num_products: how many products, from 1 to a million; more products change none.

    Raises:
        UnknownName: if there is no such difficulty, split or mode.
        UsageError: if a number is out of range.
    """

    def __init__(
        self,
        difficulty: str = "medium",
        split: str = "train",
        mode: Mode = "text",
        goal_index: int | None = None,
        strict: bool = False,
        max_turns: int = MAX_TURNS,
        choices: bool = False,
        catalogue_seed: int = 0,
        num_products: int = NUM_PRODUCTS,
    ) -> None:
        if difficulty not in (*get_args(Difficulty), "mix"):
            raise UnknownName("difficulty", difficulty, (*get_args(Difficulty), "mix"))
        goals, groups = _tasks(catalogue_seed, num_products, difficulty, split)
        super().__init__(
            generated_catalogue(catalogue_seed, num_products),
            goals,
            groups,
            mode=mode,
            goal_index=goal_index,
            strict=strict,
            max_turns=max_turns,
            choices=choices,
        )


@functools.lru_cache(maxsize=32)
def _tasks(
    seed: int, num_products: int, difficulty: str, split: str
) -> tuple[GeneratedGoals, list[Sequence[int]]]:
    """Return every goal and the groups of the split, once per process."""
    chosen: tuple[Difficulty, ...] = tuple(
        name for name in get_args(Difficulty) if difficulty in (name, "mix")
    )
    goals = GeneratedGoals(generated_catalogue(seed, num_products), seed, chosen)
    return goals, draws(goals, split)
