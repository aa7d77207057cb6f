"""The environments of a recipe: one, or a mixture that every update draws from by weight.

    [env]
    train_kwargs = {split = "train"}   # for all, below what a table says

    [[env.mix]]
    id = "household/demo-v0"
    weight = 2.0

    [[env.mix]]
    id = "shopping/generated-v0"
    kwargs = {choices = true}

A group stays inside one environment, so credit never compares two of them. Which
group gets which is a function of the recipe's seed and the number of the update.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...errors import UsageError
from ..sections import EnvSection


@dataclass(frozen=True, slots=True)
class EnvChoice:
    """One environment of a recipe; `weight` is relative to the others'."""

    id: str
    train_kwargs: dict[str, Any]
    eval_kwargs: dict[str, Any]
    weight: float = 1.0


def choices_of(section: EnvSection) -> tuple[EnvChoice, ...]:
    """Return the environments that a recipe names.

    Raises:
        UsageError: if a table of the mixture lacks its id, bears one twice, or has no positive weight.
    """
    if not section.mix:
        whole = {**section.kwargs, **section.train_kwargs}, {**section.kwargs, **section.eval_kwargs}
        return (EnvChoice(section.id, *whole),)
    choices = []
    for number, table in enumerate(section.mix):
        if not table.id:
            raise UsageError(f"recipe: env.mix[{number}] has no id; name its environment")
        if not 0 < table.weight < float("inf"):
            raise UsageError(
                f"recipe: env.mix[{number}].weight is {table.weight}; expected a positive number"
            )
        shared = {**section.kwargs, **table.kwargs}
        train = {**shared, **section.train_kwargs, **table.train_kwargs}
        held_out = {**shared, **section.eval_kwargs, **table.eval_kwargs}
        choices.append(EnvChoice(table.id, train, held_out, table.weight))
    ids = [choice.id for choice in choices]
    twice = {id for id in ids if ids.count(id) > 1}
    if twice:
        raise UsageError(f"recipe: env.mix names {', '.join(sorted(twice))} more than once")
    return tuple(choices)


def names_of(section: EnvSection) -> str:
    """Return the ids of a recipe's environments in one line."""
    return " + ".join(choice.id for choice in choices_of(section))


def draw_choices(choices: Sequence[EnvChoice], num: int, drawn: np.random.Generator) -> list[EnvChoice]:
    """Give each of `num` places an environment, in shuffled order.

    Systematic sampling: each environment gets its share of the places, rounded
    up or down by chance, so that no update lacks one for long.

    Args:
        choices: at least one.
        num: how many places.
        drawn: the random numbers; equal ones give equal answers.
    """
    if len(choices) == 1:
        return [choices[0]] * num
    ends = np.cumsum([choice.weight for choice in choices])
    points = (np.arange(num) + drawn.random()) / num * ends[-1]
    chosen = np.minimum(np.searchsorted(ends, points, side="right"), len(choices) - 1)
    return [choices[place] for place in drawn.permutation(chosen)]
