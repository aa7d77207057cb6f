"""What is asked of a run while it trains, done between two updates, where nothing is in motion."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Protocol

from ...agents.control import Control
from ...agents.control.process import Asked
from ...errors import Stopped
from ..recipe import Recipe
from ..sections import TrainSection

_LOOK_S = 0.5
_NAMES = {"updates": "num_updates", "seconds": "max_seconds", "success": "target_success"}


class Attended(Protocol):
    """A run between two updates."""

    recipe: Recipe

    @property
    def num_updates(self) -> int:
        """Return how many are done."""

    async def save(self) -> None:
        """Write a checkpoint, while the event loop goes on."""

    def limit(self, train: TrainSection) -> None:
        """End by other limits, and write them into the recipe of the run."""


async def attend(run: Attended, control: Control) -> None:
    """Do what was asked since the last update; while the run is paused, wait here.

    A paused run is saved first, so that nothing is lost if it is killed.

    Raises:
        Stopped: if that was asked; the run is saved.
    """
    paused = False
    while True:
        for asked in control.take():
            paused = await _done(run, control, asked, paused)
        control.note("paused" if paused else "going on", f"after update {run.num_updates}")
        if not paused:
            return
        await asyncio.sleep(_LOOK_S)


async def _done(run: Attended, control: Control, asked: Asked, paused: bool) -> bool:
    """Do what was asked; return whether the run is paused from here."""
    place = f"after update {run.num_updates}"
    match asked.wish.word:
        case "pause":
            await run.save()
            control.answer(asked, f"paused {place}, and saved", done=not paused)
            return True
        case "resume":
            control.answer(asked, f"goes on {place}" if paused else "it was not paused", done=paused)
            return False
        case "stop":
            await run.save()
            said = f"stopped {place}, and saved"
            control.answer(asked, said)
            raise Stopped(said)
        case "limit":
            control.answer(asked, _limited(run, asked.wish.limits))
        case "requeue":
            raise AssertionError("refused for a training before it comes here")
    return paused


def _limited(run: Attended, limits: dict[str, float]) -> str:
    """Set limits of a run and say what follows."""
    train = run.recipe.train
    values: dict[str, float] = {_NAMES[name]: value for name, value in limits.items()}
    run.limit(
        replace(
            train,
            num_updates=int(values.get("num_updates", train.num_updates)),
            max_seconds=values.get("max_seconds", train.max_seconds),
            target_success=values.get("target_success", train.target_success),
        )
    )
    told = ", ".join(f"train.{name} = {value:.15g}" for name, value in values.items())
    curved = "num_updates" in values and run.recipe.optim.schedule != "constant"
    more = f"; the {run.recipe.optim.schedule} schedule of the learning rate ends there too" if curved else ""
    return f"{told}, kept in the recipe of the run{more}"
