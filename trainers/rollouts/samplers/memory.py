"""What samplers remember, as files of a checkpoint."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from ....agents.trajectories import read_trajectories, write_trajectories
from ....agents.types import Trajectory
from ....errors import CheckpointError, UsageError
from .base import SamplerState


def save_states(folder: Path, states: Mapping[str, SamplerState]) -> None:
    """Write the states of samplers by name into a folder, which is made if there is anything to write."""
    for name, state in states.items():
        folder.mkdir(exist_ok=True)
        names = [[key, len(kept)] for key, kept in state.kept.items()]
        document = {"kept": names, "values": dict(state.values)}
        (folder / f"{name}.json").write_text(json.dumps(document), encoding="utf-8")
        trajectories = [trajectory for kept in state.kept.values() for trajectory in kept]
        write_trajectories(folder / f"{name}.jsonl.gz", trajectories)


def load_states(folder: Path) -> dict[str, SamplerState]:
    """Read what `save_states` wrote; nothing if there is no folder.

    Raises:
        CheckpointError: naming the file that is missing or broken.
    """
    return {file.stem: _load(file) for file in sorted(folder.glob("*.json"))}


def _load(file: Path) -> SamplerState:
    try:
        document: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        stored: Iterator[Trajectory] = iter(read_trajectories(file.with_suffix(".jsonl.gz")))
        kept = {str(name): tuple(islice(stored, int(num))) for name, num in document["kept"]}
        return SamplerState(kept, document["values"])
    except (OSError, ValueError, KeyError, TypeError, UsageError) as error:
        raise CheckpointError(f"{file}: the state of a sampler cannot be read: {error}") from error
