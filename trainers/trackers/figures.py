"""What trackers are told: figures under the names that users of TRL know, and a few turns as rows."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ...agents.types import Trajectory

_NOT_FIGURES = ("kind", "update")
_MAX_CHARS = 2000
MAX_TRAJECTORIES = 2
"""Of an update; the run's own folder has more."""


def figures_of(entry: Mapping[str, Any]) -> dict[str, float]:
    """Return the numbers of a line of the log: `train/reward`, `train/completions/mean_length`, `eval/...`.

    An evaluation's own numbers begin with `eval/` already; what is not a number, or not finite, is
    left out.
    """
    found = {}
    for name, value in entry.items():
        if name in _NOT_FIGURES or isinstance(value, bool) or not isinstance(value, int | float):
            continue
        if math.isfinite(value):
            found[name if name.startswith("eval/") else f"train/{name}"] = float(value)
    return found


def rows_of(trajectories: Sequence[Trajectory]) -> list[dict[str, Any]]:
    """Return the turns of the first trajectories, one row each, texts cut to a length that can be read."""
    return [row for trajectory in trajectories[:MAX_TRAJECTORIES] for row in _rows(trajectory)]


def _rows(trajectory: Trajectory) -> Iterator[dict[str, Any]]:
    for turn in trajectory.turns:
        yield {
            "trajectory": trajectory.name,
            "turn": turn.index,
            "observation": _cut(turn.observation),
            "message": _cut(turn.generation.text),
            "action": _cut(turn.action),
            "reward": float(turn.reward),
            "success": "" if trajectory.success is None else str(trajectory.success),
        }


def _cut(text: str) -> str:
    more = len(text) - _MAX_CHARS
    return text if more <= 0 else f"{text[:_MAX_CHARS]} [and {more} characters]"
