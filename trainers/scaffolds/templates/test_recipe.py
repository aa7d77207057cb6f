"""The recipe says what it should, and everything that it names is there."""

from __future__ import annotations

from pathlib import Path

import turnwise
from turnwise.trainers.validate import validate

RECIPE = Path(__file__).with_name("example.toml")


def test_it_can_train() -> None:
    """Find every part, with its parameters, without beginning."""
    recipe = turnwise.load_recipe(RECIPE)
    validate(recipe)
    assert recipe.credit.name == "gigpo"
    assert (recipe.train.num_updates, recipe.train.seed) == (20, 0)
