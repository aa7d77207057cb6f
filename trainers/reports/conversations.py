"""The trajectories of a run or an evaluation for other tools: chats in JSON lines, turns in parquet."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

from ...agents.chats import write_chats
from ...agents.prompts.config import PromptConfig
from ...agents.rows import write_parquet
from ...agents.trajectories import iter_trajectories
from ...agents.types import Trajectory
from ...errors import UsageError
from ..recipe import load
from ..runs.folder import is_run, recipe_of

_SETTINGS = "settings.json"


def export_chats(place: Path, out: Path, *, won: bool = False) -> int:
    """Write the conversations of stored episodes as JSON lines; return how many.

    Args:
        place: a run, an evaluation, or a file of trajectories.
        out: the file; one that is there is replaced whole.
        won: leave out episodes that were not won.

    Raises:
        UsageError: if there are no trajectories, or they cannot be told as chats, with the reason.
    """
    return write_chats(out, _stored(place, won), prompt_of(place))


def export_parquet(place: Path, out: Path, *, won: bool = False) -> int:
    """Write stored episodes as parquet, one row a turn; return how many rows. See export_chats."""
    return write_parquet(out, _stored(place, won))


def prompt_of(place: Path) -> PromptConfig:
    """Return how the prompts of a run or an evaluation were made; the default where nothing says so.

    Raises:
        UsageError: if its settings cannot be read.
    """
    folder = place.parent.parent if place.is_file() else place
    if is_run(folder):
        return load(str(recipe_of(folder))).prompt
    settings = folder / _SETTINGS
    if not settings.is_file():
        return PromptConfig()
    try:
        given: dict[str, Any] = json.loads(settings.read_text(encoding="utf-8"))["rollout"]["prompt"]
        known = {field.name for field in fields(PromptConfig)}
        return PromptConfig(**{name: value for name, value in given.items() if name in known})
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(f"{settings}: does not say how prompts were made: {error!r}") from error


def _stored(place: Path, won: bool) -> Iterator[Trajectory]:
    files = [place] if place.is_file() else sorted((place / "trajectories").glob("*.jsonl.gz"))
    if not place.exists():
        raise UsageError(f"{place}: there is no such file or folder")
    if not files:
        raise UsageError(
            f"{place}: holds no trajectories; expected a run, an evaluation with --out, or a file of them"
        )
    for file in files:
        for trajectory in iter_trajectories(file):
            if trajectory.success or not won:
                yield trajectory
