"""Demonstrations out of files: what policies have played before, of a run or an evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ...agents.prompts.config import PromptConfig
from ...agents.trajectories import read_trajectories
from ...agents.types import Trajectory
from ...errors import UsageError


def read_stored(places: Sequence[Path], prompt: PromptConfig) -> list[Trajectory]:
    """Read stored trajectories as demonstrations; what was no valid action is not taught.

    Args:
        places: files of trajectories, or folders with such files, e.g. a run.
        prompt: how they will be shown.

    Raises:
        UsageError: if there are none, a file is broken, or they lack what prompts show.
    """
    read: list[Trajectory] = []
    for place in places:
        files = sorted(place.rglob("*.jsonl.gz")) if place.is_dir() else [place]
        if not files:
            raise UsageError(f"{place}: no file of trajectories (*.jsonl.gz) in it")
        read += [trajectory for file in files for trajectory in read_trajectories(file) if trajectory.turns]
    named = ", ".join(map(str, places))
    if not read:
        raise UsageError(f"{named}: no trajectory with a turn in it")
    check_shown(read, named, prompt)
    return [as_demonstration(trajectory) for trajectory in read]


def as_demonstration(trajectory: Trajectory) -> Trajectory:
    """Return an episode, one step a turn, with `info["taught"]`: whether its action was a valid one."""
    steps = enumerate(step for turn in trajectory.turns for step in turn.apart())
    turns = (replace(step, index=index, info={**step.info, "taught": step.valid}) for index, step in steps)
    return replace(trajectory, turns=tuple(turns))


def check_shown(read: Sequence[Trajectory], named: str, prompt: PromptConfig) -> None:
    """Refuse episodes that prompts cannot be made for.

    Raises:
        UsageError: if they hold pictures, or lack what prompts show.
    """
    if any("images" in turn.info for each in read for turn in each.turns):
        raise UsageError(
            f"{named}: these trajectories hold pictures (info['images']), which nothing learns from"
        )
    shown = prompt.show_admissible or prompt.explain != "none"
    kept = any(turn.info.keys() & {"admissible", "tools"} for each in read for turn in each.turns)
    if shown and not kept:
        raise UsageError(
            f"{named}: these trajectories do not hold the admissible actions and the commands, which prompts "
            "show; play them with rollout.drop_info = [], or set prompt.show_admissible = false and "
            'prompt.explain = "none"'
        )
