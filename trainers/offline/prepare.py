"""From sources to the episodes of a run: read by parts, written in the policy's tokens, told in numbers."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from ...agents.policies import TokenPolicy
from ...agents.types import Trajectory
from ...errors import TrainingError
from ..recipe import Recipe
from .sources import Found, episodes_of
from .store import Store, StoreWriter
from .words import Writer

Report = Callable[[str, float], None]
Say = Callable[[str], None]
_FEW = 0.5  # share of episodes below which it is said that most were left out


async def prepare(recipe: Recipe, run: Path, policy: TokenPolicy, report: Report, say: Say) -> Store:
    """Return the episodes of a run, made from its sources if they are not there yet.

    Args:
        recipe: [offline] and how episodes are asked and written.
        run: the folder of the run.
        policy: whose tokens they get.
        report: called with what is being done and how much of it is done, 0 to 1.
        say: told what came of it.

    Raises:
        UsageError: naming file, line and cause, if a source cannot be read or made into tokens.
        TrainingError: if nothing is left to learn from.
        CheckpointError: if what was made before is broken.
    """
    if not Store.is_there(run):
        counts: Counter[str] = Counter()
        with StoreWriter(run) as store:
            places = [Path(place) for place in recipe.offline.trajectories]
            for number, place in enumerate(places):
                await _take(place, number, Writer(policy, recipe), store, counts, report, say)
            store.keep({"sources": list(recipe.offline.trajectories), **_numbers(counts)})
    found = Store(run)
    say(_told(found.about))
    if not len(found.index):
        raise TrainingError(f"{', '.join(recipe.offline.trajectories)}: no episode is left: {found.about}")
    return found


async def _take(
    place: Path,
    number: int,
    writer: Writer,
    store: StoreWriter,
    counts: Counter[str],
    report: Report,
    say: Say,
) -> None:
    """Write the episodes of one source."""
    for found in episodes_of(place, say):
        await asyncio.sleep(0)  # where Ctrl-C is heard
        report(f"episodes of {place.name}", found.share)
        if not found.trajectory.counts or not found.trajectory.turns:
            counts["failed"] += 1
            continue
        trajectory, how = writer.written(found)
        counts[how] += 1
        if how != "too long":
            counts["turns"] += len(trajectory.turns)
            counts["unspeakable"] += _num_unspeakable(trajectory)
            store.add(_alone(trajectory, f"{number}:{_group_of(found)}"))


def _group_of(found: Found) -> str:
    """Name a group apart from others of its name: those of another file are of another policy."""
    return f"{found.where.partition(',')[0]} {found.trajectory.group}"


def _alone(trajectory: Trajectory, group: str) -> Trajectory:
    """Return what is learned from: no tree, no version, nothing that only the environment needs."""
    turns = tuple(
        replace(turn, info={}, prompt=(), generation=replace(turn.generation, versions=(), char_ends=()))
        for turn in trajectory.turns
    )
    return replace(
        trajectory, turns=turns, group=group, parent=None, branch_turn=None, sampled_by=(), fingerprint=""
    )


def _num_unspeakable(trajectory: Trajectory) -> int:
    """Return in how many turns every token is forced, so that nothing is learned from them."""
    return sum(
        bool(turn.generation.support)
        and all(kept is not None and len(kept) == 1 for kept in turn.generation.support)
        for turn in trajectory.turns
    )


def _numbers(counts: Counter[str]) -> dict[str, Any]:
    return {
        "episodes": counts["stored"] + counts["made"],
        "with stored tokens": counts["stored"],
        "with tokens made from words": counts["made"],
        "left out, too long": counts["too long"],
        "left out, failed": counts["failed"],
        "turns": counts["turns"],
        "turns without a token to learn": counts["unspeakable"],
    }


def _told(about: dict[str, Any]) -> str:
    """Say what there is to learn from in a line."""
    told = [f"{value} {name}" for name, value in about.items() if isinstance(value, int) and value]
    warned = about["left out, too long"] > _FEW * about["episodes"]
    return f"learning from stored episodes: {', '.join(told)}" + (
        "; most do not fit: raise rollout.max_episode_tokens" if warned else ""
    )
