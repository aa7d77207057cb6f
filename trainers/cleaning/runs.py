"""Old runs and evaluations: folders that hold nothing else, which nobody writes in."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from ...agents.control import Kind, hold
from ...agents.control.folder import HIDDEN, is_held
from ...errors import UsageError
from ..pages.places import Place, Places
from .found import Found, measured

QUIET_S = 600.0
"""A folder in which something was written since then is in use, whatever its lock says."""
_BOTH = r"trajectories|control\.jsonl|\.control|sessions\.open|run\.json|evaluation\.json"
_RUN = re.compile(
    rf"{_BOTH}|recipe\.toml|log\.jsonl|checkpoints|best|evaluations?|\.?warmstart[\w.]*|parts|engine\.log|report\.md"
    r"|curves\.png"
)
_EVALUATION = re.compile(rf"{_BOTH}|settings\.json|rows\.jsonl|record\.json|failure\.json")


def old_runs(root: Path, older_s: float, now: float | None = None) -> Iterator[Found]:
    """Yield the runs and evaluations below a folder that were not written in for so long.

    Args:
        root: the folder.
        older_s: seconds.
        now: Unix seconds; the clock by default.
    """
    now = time.time() if now is None else now
    listed = sorted(Places(root).list(), key=lambda place: place.at)
    inside = [place.folder for place in listed]
    for place in listed:
        size, written = measured(place.folder)
        age_s = max(0.0, now - written)
        if age_s >= older_s:
            kept = _kept(place, age_s, inside)
            yield Found(place.kind, str(place.folder), size, age_s, kept, partial(_remove, place, inside))


def _kept(place: Place, age_s: float, inside: list[Path]) -> str:
    """Say why a folder stays; "" where it can go."""
    if is_held(place.folder):
        return "a process plays there"
    if age_s < QUIET_S:
        return "was written in within ten minutes"
    known = _RUN if place.kind == "run" else _EVALUATION
    strange = sorted(path.name for path in place.folder.iterdir() if not known.fullmatch(path.name))
    below = [path for path in inside if path != place.folder and path.is_relative_to(place.folder)]
    if place.folder.is_symlink():
        return "is a link"
    if strange:
        return f"holds {strange[0][:60]!r}, which is not of a {place.kind}"
    return f"holds another, {below[0].name[:60]!r}" if below else ""


def _remove(place: Place, inside: list[Path]) -> None:
    """Remove a folder under its lock, if nothing has changed since it was looked at.

    Raises:
        UsageError: if something uses it now.
    """
    kind: Kind = "training" if place.kind == "run" else "evaluation"
    _, written = measured(place.folder)
    kept = _kept(place, time.time() - written, inside)
    if kept:
        raise UsageError(f"{place.folder}: {kept}; nothing was removed")
    with hold(place.folder, kind):
        for path in sorted(place.folder.iterdir(), key=lambda path: path.name == HIDDEN):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
    shutil.rmtree(place.folder)
