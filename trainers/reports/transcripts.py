"""Example episodes of a run, as Markdown that holds whatever they say.

What environments and models wrote stands in fenced code (CommonMark, 4.5): a fence is
longer than every run of backticks inside, so that nothing in it closes it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import chain
from pathlib import Path

from ...agents.trajectories import read_trajectories
from ...agents.types import Trajectory
from ...shown import visible

_MAX_SHOWN_CHARS = 300


def examples(run: Path) -> list[str]:
    """Return the lines of a section on how the agent plays; none where no trajectories are kept."""
    files = sorted((run / "trajectories").glob("update-*.jsonl.gz"))
    if not files:
        return []
    first, last = read_trajectories(files[0]), read_trajectories(files[-1])
    lines = ["## How the agent plays", ""]
    for heading, found in (
        ("Before training, a failure", _pick(first, success=False)),
        ("At the end, the shortest success", _pick(last, success=True)),
        ("At the end, a failure", _pick(last, success=False)),
        ("At the end, an episode of unknown success", _pick(last, success=None)),
    ):
        if found is not None:
            lines += [f"### {heading}", "", *transcript(found), ""]
    return lines


def transcript(trajectory: Trajectory) -> list[str]:
    """Return an episode as a block of code that nothing in it can close."""
    lines = []
    for turn in chain.from_iterable(turn.apart() for turn in trajectory.turns):
        lines.append(_shorten(turn.observation))
        mark = " [malformed]" if turn.malformed else " [inadmissible]" if turn.inadmissible else ""
        lines.append(f"> {_shorten(turn.action)}{mark}")
    lines.append(_shorten(trajectory.final_observation))
    lines.append(
        f"({trajectory.end} after {len(trajectory.turns)} turns, return {trajectory.episode_return:g})"
    )
    runs = re.findall("`+", "\n".join(lines))
    fence = "`" * max(3, 1 + max(map(len, runs), default=0))
    return [fence, *lines, fence]


def _pick(trajectories: Sequence[Trajectory], *, success: bool | None) -> Trajectory | None:
    chosen = [
        trajectory
        for trajectory in trajectories
        if trajectory.counts and trajectory.success is success and trajectory.turns
    ]
    return min(chosen, key=lambda trajectory: len(trajectory.turns)) if chosen else None


def _shorten(text: str) -> str:
    text = visible(text.strip())
    return text if len(text) <= _MAX_SHOWN_CHARS else text[: _MAX_SHOWN_CHARS - 4] + " ..."
