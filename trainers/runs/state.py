"""How far a run has come, and whether it is over."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..recipe import Recipe
from ..sections import TrainSection


@dataclass(slots=True)
class RunState:
    """What a run has done so far."""

    update: int = 0
    evaluated: int = -1  # the update after which the last evaluation took place
    log_lines: int = 0
    train_seconds: float = 0.0  # rollouts and updates, evaluations apart
    num_tokens: int = 0  # generated in training
    num_turns: int = 0
    success_rate: float | None = None  # of the last evaluation; None: there was none, or none that tells
    fingerprints: dict[str, str] = field(default_factory=dict)  # of each environment met


def finished(recipe: Recipe, state: RunState) -> str:
    """Return why a run has nothing more to do; empty while it has."""
    measured = recipe.eval.episodes == 0 or state.evaluated == state.update
    return stops(recipe.train, state) if measured else ""


def stops(train: TrainSection, state: RunState) -> str:
    """Return why a run is over by its own limits; empty while it is not."""
    if state.update >= train.num_updates:
        return f"train.num_updates = {train.num_updates}"
    if train.max_seconds and state.train_seconds >= train.max_seconds:
        return (
            f"train.max_seconds = {train.max_seconds:g} came before train.num_updates = {train.num_updates}"
        )
    if train.target_success and (state.success_rate or 0.0) >= train.target_success:
        return f"train.target_success = {train.target_success:g} is reached"
    return ""
