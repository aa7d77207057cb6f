"""What the trainer is given in place of a rollout: episodes that are stored."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...agents.policies import TokenPolicy
from ...agents.rollout import RolloutStats
from ...agents.rollout.board import Board
from ...agents.types import Trajectory
from ..recipe import Recipe
from ..rollouts.choosers.memory import TaskMemory
from ..rollouts.collect import Collected
from ..rollouts.samplers import SamplerState
from .draw import Draw, kept_of
from .prepare import Report, Say, prepare
from .store import Store


class StoredCollector:
    """What collects the episodes of one update after the other out of a store.

    Args:
        store: the episodes.
        recipe: its [offline] and its seed.

    Raises:
        TrainingError: if no episode is kept.
    """

    def __init__(self, store: Store, recipe: Recipe) -> None:
        self._store = store
        kept = kept_of(store.index, recipe.offline)
        self.num_kept = len(kept)
        self._draw = Draw(store.index, kept, recipe.offline.batch_size, recipe.train.seed)
        self.train = recipe.train
        self.board = Board()  # nobody is on it
        self.states: dict[
            str, SamplerState
        ] = {}  # nothing is remembered: what is drawn follows from the seed
        self.tasks: dict[str, TaskMemory] = {}

    async def collect(self, update: int) -> Collected:
        """Read the episodes of an update.

        Raises:
            CheckpointError: if one cannot be read any more.
        """
        numbers, epoch = self._draw.batch(update)
        chosen = await asyncio.to_thread(self._read, numbers.tolist())
        figures = {"offline/epoch": float(epoch), "offline/episodes": float(len(chosen))}
        return Collected(chosen, chosen, RolloutStats(), figures, {}, {})

    def _read(self, numbers: Sequence[int]) -> tuple[Trajectory, ...]:
        return tuple(self._store.read(number) for number in numbers)

    def in_flight(self, update: int) -> list[dict[str, Any]]:
        """Return nothing: episodes that are stored are not played."""
        return []

    async def aclose(self) -> None:
        """Do nothing: nothing is under way."""


async def stored_episodes(
    recipe: Recipe, run: Path, policy: TokenPolicy, report: Report, say: Say
) -> StoredCollector | None:
    """Return what gives the stored episodes that a recipe names; None where it names none.

    Args:
        recipe: of the run.
        run: its folder, where the episodes are kept.
        policy: whose tokens they get.
        report: called with what is being done and how much of it is done, 0 to 1.
        say: told what there is.

    Raises:
        UsageError: naming file, line and cause, if a source cannot be read or made into tokens.
        TrainingError: if no episode is left, or kept.
        CheckpointError: if what was made before is broken.
    """
    if not recipe.offline.trajectories:
        return None
    store = await prepare(recipe, run, policy, report, say)
    collector = StoredCollector(store, recipe)
    if collector.num_kept < len(store.index):
        say(f"offline.keep = {recipe.offline.keep!r}: {collector.num_kept} of {len(store.index)} episodes")
    return collector
