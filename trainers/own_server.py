"""What the server that a training starts for itself is told: who trains is its operator."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..envs import registered
from ..envs.registry import class_of, for_clients
from ..errors import UsageError
from .recipe import Recipe
from .rollouts.mixture import EnvChoice


def plays_environments(recipe: Recipe) -> bool:
    """Tell whether a run plays environments of ours, if only to evaluate."""
    plays = bool(recipe.eval.episodes) or not recipe.offline.trajectories
    return plays and not recipe.harness.posted


def offering(env_ids: Sequence[str]) -> list[str]:
    """Return the arguments with which a server offers environments: none where all are registered."""
    if registered().keys() >= set(env_ids):
        return []
    return [word for env_id in dict.fromkeys(env_ids) for word in ("--env", env_id)]


def allowing(choices: Sequence[EnvChoice]) -> list[str]:
    """Return the arguments with which it takes what a recipe asks for and strangers may not.

    Raises:
        UsageError: if an argument that a server fixes is one for training and another one for evaluation.
    """
    rules = [rule for choice in choices for rule in (*_bounds(choice), *_fixed(choice))]
    return [word for rule in rules for word in ("--argument", rule)]


def _bounds(choice: EnvChoice) -> Iterator[str]:
    """Yield the rules for numbers beyond those of strangers."""
    for name, bounds in for_clients(choice.id).items():
        given = [kwargs[name] for kwargs in (choice.train_kwargs, choice.eval_kwargs) if name in kwargs]
        numbers = [value for value in given if isinstance(value, int | float)]
        if bounds and numbers and max(numbers) > bounds[1]:
            yield f"{choice.id}:{name}<={max(numbers)}"
        if bounds and numbers and min(numbers) < bounds[0]:
            yield f"{choice.id}:{name}>={min(numbers)}"


def _fixed(choice: EnvChoice) -> Iterator[str]:
    """Yield the rules that fix what is an operator's alone."""
    withheld = [name for name, bounds in for_clients(choice.id).items() if bounds is None]
    withheld += getattr(class_of(choice.id), "for_operators", ())
    for name in withheld:
        train, held_out = (_said(kwargs, name) for kwargs in (choice.train_kwargs, choice.eval_kwargs))
        if train != held_out:
            raise UsageError(
                f"{choice.id}: {name} is {train or 'not given'} for training and {held_out or 'not given'} "
                "for evaluation; a server has one alone: set it in env.kwargs, or set server.spawn = "
                "false, which plays in this process"
            )
        if train:
            yield f"{choice.id}:{name}={train}"


def _said(kwargs: Mapping[str, Any], name: str) -> str:
    return json.dumps(kwargs[name]) if name in kwargs else ""
