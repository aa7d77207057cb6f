"""Finished cells as files, so that a run that was stopped goes on where it was."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path

import numpy as np
from cell import Cell, Result

__all__ = ["load", "save"]


def save(folder: Path, result: Result) -> None:
    """Write a result into a folder, made if missing; whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    path = _path(folder, result.cell)
    draft = path.with_suffix(".part")
    said = {"cell": asdict(result.cell), "facts": result.facts, "labels": result.labels}
    with draft.open("wb") as file:
        np.savez_compressed(file, measures=result.measures, said=np.array(json.dumps(said)))
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def load(folder: Path, cell: Cell) -> Result | None:
    """Return the result of a cell, or None if the folder has none for exactly this cell."""
    path = _path(folder, cell)
    if not path.exists():
        return None
    with np.load(path) as held:
        said = json.loads(str(held["said"]))
        measures = held["measures"]
    return Result(cell, said["facts"], said["labels"], measures) if said["cell"] == asdict(cell) else None


def _path(folder: Path, cell: Cell) -> Path:
    return folder / f"{cell.difficulty}-{cell.num_turns}-{cell.strength:g}-{cell.seed}.npz"
