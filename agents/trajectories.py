"""Trajectories in files: JSON lines inside gzip, exact to the last bit of every number.

The first line names the format, its version and the number of trajectories; each
further line is one trajectory. Fields that hold their default are left out. The
prompt of a turn is stored as [shared, new]: the first `shared` tokens of the
turn before (its prompt and its answer), then `new` ones; a growing conversation
thus takes space for its tokens once.

`info` comes back as JSON holds it: tuples as lists, keys as texts.
"""

from __future__ import annotations

import gzip
import io
import json
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, TypeVar

from ..ends import ENDS
from ..errors import UsageError
from ..files import write_whole
from .types import Generation, Span, Trajectory, Turn, VersionSpan, common_prefix

SCHEMA_VERSION = 1

_FORMAT = "turnwise-trajectories"
_MAX_LINE_BYTES = 1 << 28
_BROKEN = (EOFError, OSError, zlib.error, ValueError, RecursionError)
_MISFIT = (KeyError, TypeError, ValueError, AttributeError)
T = TypeVar("T")


def trajectory_path(run: str | Path, update: int) -> Path:
    """Return where a run keeps the trajectories of an update."""
    if update < 0:
        raise UsageError(f"update must not be negative, got {update}")
    return Path(run) / "trajectories" / f"update-{update:06d}.jsonl.gz"


def write_trajectories(path: str | Path, trajectories: Iterable[Trajectory]) -> None:
    """Write trajectories into a file, whole or not at all; equal ones give equal bytes.

    Raises:
        UsageError: if an info holds what JSON cannot hold, naming the trajectory.
        OSError: if the file cannot be written.
    """
    kept = list(trajectories)
    header = {"format": _FORMAT, "version": SCHEMA_VERSION, "trajectories": len(kept)}
    content = io.BytesIO()
    with gzip.GzipFile(filename="", fileobj=content, mode="wb", compresslevel=1, mtime=0) as file:
        file.write(json.dumps(header).encode() + b"\n")
        for place, trajectory in enumerate(kept):
            try:
                file.write(json.dumps(_from_trajectory(trajectory)).encode() + b"\n")
            except (TypeError, ValueError) as error:
                raise UsageError(
                    f"trajectory {place} ({trajectory.task}) cannot be written: {error}"
                ) from error
    write_whole(Path(path), content.getvalue())


def read_trajectories(path: str | Path) -> list[Trajectory]:
    """Read every trajectory of a file.

    Raises:
        UsageError: naming the file, the line and the reason, if it is missing, broken or foreign.
    """
    return list(iter_trajectories(path))


def iter_trajectories(path: str | Path) -> Iterator[Trajectory]:
    """Read the trajectories of a file one after the other; see read_trajectories."""
    number = 0
    try:
        with gzip.open(path, "rb") as file:
            number = 1
            expected = _num_promised(_parsed(file.readline(_MAX_LINE_BYTES)))
            for place in range(expected):
                number = place + 2
                document = _parsed(file.readline(_MAX_LINE_BYTES))
                try:
                    trajectory = _to_trajectory(document)
                except _MISFIT as error:
                    raise ValueError(f"is not a trajectory: {type(error).__name__}: {error}") from error
                yield trajectory
            number = expected + 2
            if file.read(1):
                raise ValueError(f"follows the {expected} trajectories that the first line promises")
    except _BROKEN as error:
        where = f"line {number}: " if number else ""
        raise UsageError(f"trajectories {path}: {where}{error}") from error


def _parsed(line: bytes) -> dict[str, Any]:
    if not line:
        raise ValueError("is missing: the file ends too early")
    if not line.endswith(b"\n"):
        raise ValueError(f"is cut off or longer than {_MAX_LINE_BYTES} bytes")
    document = json.loads(line)
    if not isinstance(document, dict):
        raise ValueError(f"holds {type(document).__name__}; expected an object")
    return document


def _num_promised(header: dict[str, Any]) -> int:
    if header.get("format") != _FORMAT:
        raise ValueError(f"format {header.get('format')!r}; expected {_FORMAT!r}: another kind of file")
    if header.get("version") != SCHEMA_VERSION:
        raise ValueError(
            f"schema version {header.get('version')!r}; this turnwise reads version {SCHEMA_VERSION}"
        )
    number = header.get("trajectories")
    if not isinstance(number, int) or number < 0:
        raise ValueError(f"trajectories {number!r}; expected their number")
    return number


def _from_trajectory(trajectory: Trajectory) -> dict[str, Any]:
    document = _changed(trajectory)
    document["turns"] = []
    before: tuple[int, ...] = ()
    for turn in trajectory.turns:
        document["turns"].append(_from_turn(turn, before))
        before = turn.generation.prompt_ids + turn.generation.token_ids
    if trajectory.final_prompt_ids:
        document["final_prompt_ids"] = _prompt_after(before, trajectory.final_prompt_ids)
    return document


def _from_turn(turn: Turn, before: tuple[int, ...]) -> dict[str, Any]:
    document = _changed(turn)
    generation = _changed(turn.generation)
    prompt_ids = turn.generation.prompt_ids
    if prompt_ids:
        generation["prompt_ids"] = _prompt_after(before, prompt_ids)
    if turn.generation.versions:
        generation["versions"] = [[span.version, span.start, span.end] for span in turn.generation.versions]
    if turn.spans:
        document["spans"] = [[span.role, span.start, span.end] for span in turn.spans]
    document["generation"] = generation
    return document


def _to_trajectory(document: dict[str, Any]) -> Trajectory:
    turns: list[Turn] = []
    before: tuple[int, ...] = ()
    for row in document["turns"]:
        turn = _to_turn(row, before)
        before = turn.generation.prompt_ids + turn.generation.token_ids
        turns.append(turn)
    if document["end"] not in ENDS:
        raise ValueError(f"end {document['end']!r}; expected one of {', '.join(ENDS)}")
    if "sampled_by" in document:
        document = {**document, "sampled_by": tuple(document["sampled_by"])}
    if "final_prompt_ids" in document:
        final = _whole_prompt(before, document["final_prompt_ids"])
        document = {**document, "final_prompt_ids": final}
    return _built(Trajectory, {**document, "turns": tuple(turns)})


def _to_turn(row: Mapping[str, Any], before: tuple[int, ...]) -> Turn:
    values = dict(row["generation"])
    if "prompt_ids" in values:
        values["prompt_ids"] = _whole_prompt(before, values["prompt_ids"])
    for name in ("token_ids", "logprobs", "entropy", "char_ends", "tool_calls"):
        if name in values:
            values[name] = tuple(values[name])
    if "support" in values:
        values["support"] = tuple(
            None if allowed is None else tuple(allowed) for allowed in values["support"]
        )
    if "versions" in values:
        values["versions"] = tuple(VersionSpan(*span) for span in values["versions"])
    spans = tuple(Span(*span) for span in row.get("spans", ()))
    for name in ("observation", "state_key", "action", "next_state_key"):
        if not isinstance(row[name], str):
            raise TypeError(f"{name} of a turn is {type(row[name]).__name__}; expected text")
    if not isinstance(row["reward"], int | float):
        raise TypeError(f"the reward of a turn is {type(row['reward']).__name__}; expected a number")
    return _built(Turn, {**row, "generation": _built(Generation, values), "spans": spans})


def _changed(record: Generation | Turn | Trajectory) -> dict[str, Any]:
    """Return the fields that differ from their defaults, nested records left out."""
    changed = {}
    for field in fields(record):
        value = getattr(record, field.name)
        default = field.default if field.default_factory is MISSING else field.default_factory()
        if field.name not in ("turns", "generation", "spans", "versions") and (
            default is MISSING or value != default
        ):
            changed[field.name] = value
    return changed


def _built(kind: type[T], values: Mapping[str, Any]) -> T:
    return kind(**values)


def _prompt_after(before: tuple[int, ...], prompt_ids: tuple[int, ...]) -> list[Any]:
    shared = common_prefix(before, prompt_ids)
    return [shared, prompt_ids[shared:]]


def _whole_prompt(before: tuple[int, ...], stored: Any) -> tuple[int, ...]:
    shared, new = stored
    if not 0 <= shared <= len(before):
        raise ValueError(f"a prompt shares {shared} tokens with the turn before, which has {len(before)}")
    return before[:shared] + tuple(new)
