"""Trajectories as rows, one a turn: for tables, and as a parquet file that other tools read."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from ..errors import UsageError
from .types import Trajectory

_BATCH = 1024  # trajectories
NEEDS_PYARROW = "parquet needs pyarrow: pip install 'turnwise[parquet]'"


def rows_of(trajectories: Iterable[Trajectory]) -> Iterator[dict[str, Any]]:
    """Yield one row a turn, in plain values."""
    for trajectory in trajectories:
        for turn in trajectory.turns:
            yield {
                "group": trajectory.group,
                "member": trajectory.member,
                "turn": turn.index,
                "observation": turn.observation,
                "action": turn.action,
                "reward": turn.reward,
                "valid": turn.valid,
                "tokens": turn.generation.num_tokens,
                "state_key": turn.state_key,
                "success": trajectory.success,
                "end": trajectory.end,
            }


def write_parquet(path: Path, trajectories: Iterable[Trajectory]) -> int:
    """Write one row a turn, with environment, task and message beside what `rows_of` gives.

    Returns:
        the number of rows.

    Raises:
        UsageError: if pyarrow is not installed.
        OSError: if the file cannot be written; it appears whole or not at all.
    """
    try:
        import pyarrow as arrow
        import pyarrow.parquet as parquet
    except ImportError as error:
        raise UsageError(NEEDS_PYARROW) from error
    types = {"string": arrow.string(), "int": arrow.int64(), "float": arrow.float64(), "bool": arrow.bool_()}
    schema = arrow.schema([(name, types[kind]) for name, kind in _COLUMNS.items()])
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    number, left = 0, iter(trajectories)
    try:
        with parquet.ParquetWriter(draft, schema) as file:
            while batch := list(islice(left, _BATCH)):
                rows = list(_full_rows(batch))
                file.write_table(arrow.Table.from_pylist(rows, schema))
                number += len(rows)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    return number


_COLUMNS = {
    "env_id": "string", "task": "string", "task_seed": "int", "policy_version": "int", "group": "string",
    "member": "int", "turn": "int", "observation": "string", "message": "string", "reasoning": "string",
    "action": "string", "reward": "float", "valid": "bool", "tokens": "int", "state_key": "string",
    "next_state_key": "string", "success": "bool", "score": "float", "end": "string", "error": "string",
}  # fmt: skip


def _full_rows(trajectories: Iterable[Trajectory]) -> Iterator[dict[str, Any]]:
    for trajectory in trajectories:
        of_all = {
            name: getattr(trajectory, name)
            for name in ("env_id", "task", "task_seed", "policy_version", "score", "error")
        }
        for turn, row in zip(trajectory.turns, rows_of([trajectory]), strict=True):
            said = {"message": turn.generation.text, "reasoning": turn.generation.reasoning}
            yield {**of_all, **row, **said, "next_state_key": turn.next_state_key}
