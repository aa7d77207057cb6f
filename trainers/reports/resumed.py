"""What a run that was killed had kept, and what became of it, for the page of its report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

from ...agents.rollout.journal import Resumed
from .curves import Entry


def resumed(updates: Sequence[Entry]) -> list[str]:
    """Tell of each update that was played on after a kill; nothing where none was."""
    told = [
        f"- update {entry['update']}: {_read(entry)}" for entry in updates if "resumed/kept_turns" in entry
    ]
    return ["## Played on after a kill", "", *told, ""] if told else []


def _read(entry: Entry) -> Resumed:
    counts = {field.name: entry[f"resumed/{field.name}"] for field in fields(Resumed)}
    seconds = float(counts.pop("seconds"))
    return Resumed(**{name: int(count) for name, count in counts.items()}, seconds=seconds)
