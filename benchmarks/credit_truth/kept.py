"""Finished cells, and truths that were rolled out, as files: a run that was stopped goes on where it was."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path

import numpy as np
from cell import Cell, Measured, Result

from turnwise.trainers.reports.truth.measures import Truth

__all__ = ["load", "load_truth", "save", "save_truth"]


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


def save_truth(folder: Path, cell: Cell, measured: Measured) -> None:
    """Write the truth of a cell into a folder, made if missing; whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    path = _truth_path(folder, cell)
    draft, truth = path.with_suffix(".part"), measured.truth
    columns = np.stack([truth.advantage_N, truth.first_N, truth.second_N, truth.error_N])
    with draft.open("wb") as file:
        np.savez_compressed(file, truth=columns, cpu_s=measured.cpu_s, said=np.array(_rolled(cell)))
    draft.replace(path)


def load_truth(folder: Path, cell: Cell) -> Measured | None:
    """Return the truth of a cell, or None if the folder has none for cells that are rolled out like it."""
    path = _truth_path(folder, cell)
    if not path.exists():
        return None
    with np.load(path) as held:
        measured = Measured(Truth(*held["truth"]), float(held["cpu_s"]))
        return measured if str(held["said"]) == _rolled(cell) else None


def _rolled(cell: Cell) -> str:
    """Return what a truth depends on."""
    fields = ("difficulty", "num_turns", "strength", "num_tasks", "group_size", "num_rollouts", "seed")
    return json.dumps({name: asdict(cell)[name] for name in fields})


def _truth_path(folder: Path, cell: Cell) -> Path:
    path = _path(folder, cell)
    return path.with_name(f"truth-{path.name}")


def _path(folder: Path, cell: Cell) -> Path:
    return folder / f"{cell.difficulty}-{cell.num_turns}-{cell.strength:g}-{cell.seed}.npz"
