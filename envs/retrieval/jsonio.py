"""JSON files of any size, record by record, with errors that name file, record and field."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

from ...errors import UsageError

_CHUNK_CHARS = 1 << 20
_MAX_RECORD_CHARS = 1 << 26
_BLANK = " \t\r\n"


def read_json(path: Path) -> Any:
    """Read one JSON document.

    Raises:
        UsageError: if the file is missing or is not JSON.
    """
    try:
        return json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}: {error}; expected a JSON file") from error


def array_records(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the objects of a file that is one JSON array, holding one at a time.

    Raises:
        UsageError: if the file is missing, no array of objects, or cut off.
    """
    try:
        with path.open(encoding="utf-8") as file:
            yield from _elements(file, path)
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: {error}; expected a JSON array of records") from error


def line_records(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the objects of a JSON lines file; blank lines are skipped.

    Raises:
        UsageError: naming the line that is not a JSON object.
    """
    try:
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                if line.strip():
                    yield _parse_line(path, number, line)
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: {error}; expected JSON lines") from error


def field(record: dict[str, Any], name: str, kind: type | tuple[type, ...], path: Path, number: int) -> Any:
    """Return a field of a record, checked for its type.

    Args:
        record: the record.
        name: the field.
        kind: the type or types it may have.
        path: the file, for the message.
        number: which record of the file it is, from 0, for the message.

    Raises:
        UsageError: naming file, record and field.
    """
    if name not in record:
        raise UsageError(f"{path}: record {number} has no field {name!r}; it has {sorted(record)[:12]}")
    value = record[name]
    if not isinstance(value, kind):
        kinds = kind if isinstance(kind, tuple) else (kind,)
        expected = " or ".join(kind.__name__ for kind in kinds)
        raise UsageError(f"{path}: record {number}, field {name!r}: expected {expected}, got {value!r:.80}")
    return value


def _parse_line(path: Path, number: int, line: str) -> dict[str, Any]:
    try:
        record = json.loads(line)
    except ValueError as error:
        raise UsageError(f"{path}: line {number}: {error}; expected a JSON object") from error
    if not isinstance(record, dict):
        raise UsageError(f"{path}: line {number}: expected a JSON object, got {line!r:.80}")
    return record


def _elements(file: TextIO, path: Path) -> Iterator[dict[str, Any]]:
    decoder = json.JSONDecoder()
    buffer, number = file.read(_CHUNK_CHARS), 0
    at = _skip(buffer, 0, _BLANK)
    if buffer[at : at + 1] != "[":
        raise UsageError(f"{path}: expected a JSON array, it starts with {buffer[:20]!r}")
    at += 1
    while True:
        at = _skip(buffer, at, _BLANK + ",")
        if buffer[at : at + 1] == "]":
            return
        try:
            record, at = decoder.raw_decode(buffer, at)
        except ValueError as error:
            chunk = file.read(max(_CHUNK_CHARS, len(buffer) - at))
            if not chunk or len(buffer) - at > _MAX_RECORD_CHARS:
                raise UsageError(f"{path}: record {number} is cut off or not JSON: {error}") from error
            buffer, at = buffer[at:] + chunk, 0
            continue
        if not isinstance(record, dict):
            raise UsageError(f"{path}: record {number}: expected an object, got {record!r:.80}")
        yield record
        number += 1


def _skip(buffer: str, at: int, letters: str) -> int:
    while at < len(buffer) and buffer[at] in letters:
        at += 1
    return at
