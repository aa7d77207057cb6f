"""Trajectories in files: JSON lines inside gzip, exact to the last bit of every number.

The first line names the format, its version and the number of trajectories, null in a file
that grows; each further line is one trajectory, in a gzip member of its own (RFC 1952, 2.2), so
that it can be read without those before it. Fields that hold their default are left out. The
prompt of a turn is stored as [shared, new]: the first `shared` tokens of the
turn before (its prompt and its answer), or messages of its prompt, then `new` ones; a growing
conversation thus takes space once.

`info` comes back as JSON holds it: tuples as lists, keys as texts.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import MISSING, asdict, fields
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

from ..ends import ENDS
from ..errors import UsageError
from ..files import write_whole
from .types import Generation, Masked, Message, Span, Step, Trajectory, Turn, VersionSpan, common_prefix

SCHEMA_VERSION = 1

_FORMAT = "turnwise-trajectories"
MAX_LINE_BYTES = 1 << 28
_APART = ("turns", "generation", "spans", "versions", "masked", "prompt", "steps")  # records of their own
_BROKEN = (EOFError, OSError, zlib.error, ValueError, RecursionError)
MISFIT = (KeyError, TypeError, ValueError, AttributeError, RecursionError)
"""What a document raises that is not a trajectory."""
T = TypeVar("T")


def trajectory_path(run: str | Path, update: int) -> Path:
    """Return where a run keeps the trajectories of an update."""
    if update < 0:
        raise UsageError(f"update must not be negative, got {update}")
    return Path(run) / "trajectories" / f"update-{update:06d}.jsonl.gz"


def write_trajectories(path: str | Path, trajectories: Iterable[Trajectory]) -> list[int]:
    """Write trajectories into a file, whole or not at all; equal ones give equal bytes.

    Returns:
        where the member of each begins, in bytes.

    Raises:
        UsageError: if an info holds what JSON cannot hold, naming the trajectory.
        OSError: if the file cannot be written.
    """
    kept = list(trajectories)
    content = bytearray(header(len(kept)))
    places = []
    for place, trajectory in enumerate(kept):
        places.append(len(content))
        try:
            content += member(trajectory)
        except (TypeError, ValueError) as error:
            raise UsageError(f"trajectory {place} ({trajectory.task}) cannot be written: {error}") from error
    write_whole(Path(path), bytes(content))
    return places


def header(number: int | None) -> bytes:
    """Return the first member of a file: of so many trajectories, or of one that grows."""
    return _pressed({"format": _FORMAT, "version": SCHEMA_VERSION, "trajectories": number})


def member(trajectory: Trajectory) -> bytes:
    """Return one trajectory as a gzip member.

    Raises:
        TypeError, ValueError: if an info holds what JSON cannot hold.
    """
    return _pressed(_from_trajectory(trajectory))


def parse(line: bytes) -> Trajectory:
    """Return the trajectory of a line.

    Raises:
        ValueError: if it is cut off, or is not a trajectory, with the cause.
        RecursionError: if it is nested too deeply.
    """
    document = _parsed(line)
    try:
        return _to_trajectory(document)
    except MISFIT as error:
        raise ValueError(f"is not a trajectory: {type(error).__name__}: {error}") from error


def promised(line: bytes) -> int | None:
    """Return how many trajectories the first line of a file promises; None if it grows.

    Raises:
        ValueError: if it is the first line of something else.
    """
    return _num_promised(_parsed(line))


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
            expected = promised(file.readline(MAX_LINE_BYTES))
            for place in count(2) if expected is None else range(2, expected + 2):
                number = place
                line = file.readline(MAX_LINE_BYTES)
                if expected is None and not line:
                    return
                yield parse(line)
            number = (expected or 0) + 2
            if file.read(1):
                raise ValueError(f"follows the {expected} trajectories that the first line promises")
    except _BROKEN as error:
        where = f"line {number}: " if number else ""
        raise UsageError(f"trajectories {path}: {where}{error}") from error


def _parsed(line: bytes) -> dict[str, Any]:
    if not line:
        raise ValueError("is missing: the file ends too early")
    if not line.endswith(b"\n"):
        raise ValueError(f"is cut off or longer than {MAX_LINE_BYTES} bytes")
    document = json.loads(line)
    if not isinstance(document, dict):
        raise ValueError(f"holds {type(document).__name__}; expected an object")
    return document


def _pressed(document: Mapping[str, Any]) -> bytes:
    return gzip.compress(json.dumps(document).encode() + b"\n", compresslevel=1, mtime=0)


def _num_promised(header: dict[str, Any]) -> int | None:
    if header.get("format") != _FORMAT:
        raise ValueError(f"format {header.get('format')!r}; expected {_FORMAT!r}: another kind of file")
    if header.get("version") != SCHEMA_VERSION:
        raise ValueError(
            f"schema version {header.get('version')!r}; this turnwise reads version {SCHEMA_VERSION}"
        )
    number = header.get("trajectories", -1)
    if number is None or (isinstance(number, int) and number >= 0):
        return number
    raise ValueError(f"trajectories {number!r}; expected their number")


def _from_trajectory(trajectory: Trajectory) -> dict[str, Any]:
    document = _changed(trajectory)
    document["turns"] = []
    before: tuple[int, ...] = ()
    asked: tuple[Message, ...] = ()
    for turn in trajectory.turns:
        document["turns"].append(_from_turn(turn, before, asked))
        before = turn.generation.prompt_ids + turn.generation.token_ids
        asked = turn.prompt
    if trajectory.final_prompt_ids:
        document["final_prompt_ids"] = _prompt_after(before, trajectory.final_prompt_ids)
    return document


def _from_turn(turn: Turn, before: tuple[int, ...], asked: tuple[Message, ...]) -> dict[str, Any]:
    document = _changed(turn)
    if turn.prompt:
        shared = common_prefix(asked, turn.prompt)
        document["prompt"] = [shared, [_changed(message) for message in turn.prompt[shared:]]]
    generation = from_generation(turn.generation)
    prompt_ids = turn.generation.prompt_ids
    if prompt_ids:
        generation["prompt_ids"] = _prompt_after(before, prompt_ids)
    if turn.spans:
        document["spans"] = [[span.role, span.start, span.end] for span in turn.spans]
    if turn.steps:
        document["steps"] = list(map(_changed, turn.steps))
    document["generation"] = generation
    return document


def _to_trajectory(document: dict[str, Any]) -> Trajectory:
    turns: list[Turn] = []
    before: tuple[int, ...] = ()
    asked: tuple[Message, ...] = ()
    for row in document["turns"]:
        turn = _to_turn(row, before, asked)
        before = turn.generation.prompt_ids + turn.generation.token_ids
        asked = turn.prompt
        turns.append(turn)
    if document["end"] not in ENDS:
        raise ValueError(f"end {document['end']!r}; expected one of {', '.join(ENDS)}")
    if "sampled_by" in document:
        document = {**document, "sampled_by": tuple(document["sampled_by"])}
    if "final_prompt_ids" in document:
        final = _whole(before, *document["final_prompt_ids"])
        document = {**document, "final_prompt_ids": final}
    return _built(Trajectory, {**document, "turns": tuple(turns)})


def _to_turn(row: Mapping[str, Any], before: tuple[int, ...], asked: tuple[Message, ...]) -> Turn:
    values = dict(row["generation"])
    if "prompt_ids" in values:
        values["prompt_ids"] = _whole(before, *values["prompt_ids"])
    spans = tuple(Span(*span) for span in row.get("spans", ()))
    for name in ("observation", "state_key", "action", "next_state_key"):
        if not isinstance(row[name], str):
            raise TypeError(f"{name} of a turn is {type(row[name]).__name__}; expected text")
    if not isinstance(row["reward"], int | float):
        raise TypeError(f"the reward of a turn is {type(row['reward']).__name__}; expected a number")
    shared, new = row.get("prompt", (0, ()))
    prompt = _whole(asked, shared, map(_to_message, new))
    steps = tuple(_built(Step, step) for step in row.get("steps", ()))
    inner = {"generation": to_generation(values), "spans": spans, "prompt": prompt, "steps": steps}
    return _built(Turn, {**row, **inner})


def from_generation(generation: Generation) -> dict[str, Any]:
    """Return a message as a document, its prompt as it is; fields that hold their default are left out."""
    document = _changed(generation)
    if generation.versions:
        document["versions"] = [[span.version, span.start, span.end] for span in generation.versions]
    if generation.masked is not None:
        document["masked"] = asdict(generation.masked)
    return document


def to_generation(document: Mapping[str, Any]) -> Generation:
    """Return the message of a document; what does not fit raises one of MISFIT."""
    values = dict(document)
    for name in ("prompt_ids", "token_ids", "logprobs", "entropy", "char_ends", "tool_calls"):
        if name in values:
            values[name] = tuple(values[name])
    if "support" in values:
        values["support"] = tuple(
            None if allowed is None else tuple(allowed) for allowed in values["support"]
        )
    if "versions" in values:
        values["versions"] = tuple(VersionSpan(*span) for span in values["versions"])
    if "masked" in values:
        values["masked"] = Masked(**values["masked"])
    return _built(Generation, values)


def _to_message(document: Mapping[str, Any]) -> Message:
    values = {name: tuple(value) if isinstance(value, list) else value for name, value in document.items()}
    return _built(Message, values)


def _changed(record: Generation | Turn | Step | Trajectory | Message) -> dict[str, Any]:
    """Return the fields that differ from their defaults, nested records left out."""
    changed = {}
    for field in fields(record):
        value = getattr(record, field.name)
        default = field.default if field.default_factory is MISSING else field.default_factory()
        if field.name not in _APART and (default is MISSING or value != default):
            changed[field.name] = value
    return changed


def _built(kind: type[T], values: Mapping[str, Any]) -> T:
    return kind(**values)


def _prompt_after(before: tuple[int, ...], prompt_ids: tuple[int, ...]) -> list[Any]:
    shared = common_prefix(before, prompt_ids)
    return [shared, prompt_ids[shared:]]


def _whole(before: tuple[T, ...], shared: int, new: Iterable[T]) -> tuple[T, ...]:
    if not 0 <= shared <= len(before):
        raise ValueError(f"a prompt shares {shared} of the turn before, which has {len(before)}")
    return before[:shared] + tuple(new)
