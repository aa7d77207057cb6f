"""Files of records: JSON lines, JSON, parquet."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ....errors import UsageError
from .records import Record, RecordError, read_record

MAX_LINE_BYTES = 1 << 28


def load_records(path: str | Path) -> list[Record]:
    """Return the records of a file, of any known schema, in the file's order.

    Args:
        path: `.jsonl`, `.json` (a list, or id -> record) or `.parquet` (needs pyarrow or datasets).

    Raises:
        UsageError: if the file is missing or of another kind; naming what to install for parquet.
        RecordError: naming file, record and field; for an id that comes twice too.
    """
    file = Path(path)
    if not file.is_file():
        raise UsageError(f"{file}: no such file; expected records as .jsonl, .json or .parquet")
    readers = {".jsonl": _lines, ".json": _json, ".parquet": _parquet}
    if file.suffix not in readers:
        raise UsageError(f"{file}: expected a file ending in {', '.join(readers)}")
    records: list[Record] = []
    places: dict[str, str] = {}
    for where, raw in readers[file.suffix](file):
        if not isinstance(raw, Mapping):
            raise RecordError(f"{where}: expected an object, got {type(raw).__name__}")
        record = read_record(raw, where)
        if record.id in places:
            raise RecordError(
                f"{where}: field 'instance_id': {record.id!r} stands at {places[record.id]} too"
            )
        places[record.id] = where
        records.append(record)
    if not records:
        raise UsageError(f"{file}: holds no record")
    return records


def _lines(file: Path) -> Iterator[tuple[str, Any]]:
    with file.open("rb") as lines:
        number = 0
        while line := lines.readline(MAX_LINE_BYTES):
            number += 1
            if len(line) >= MAX_LINE_BYTES:
                raise RecordError(f"{file}: line {number}: longer than {MAX_LINE_BYTES} bytes")
            if line.strip():
                yield f"{file}: line {number}", _parsed(f"{file}: line {number}", line)


def _json(file: Path) -> Iterator[tuple[str, Any]]:
    content = _parsed(str(file), file.read_bytes())
    if isinstance(content, Mapping):
        content = [content] if "problem_statement" in content else list(content.values())
    if not isinstance(content, list):
        raise RecordError(f"{file}: expected a list of records, or id -> record")
    yield from ((f"{file}: record {place}", raw) for place, raw in enumerate(content))


def _parsed(where: str, data: bytes) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise RecordError(f"{where}: not JSON: {error}") from error


def _parquet(file: Path) -> Iterator[tuple[str, Any]]:
    try:
        from pyarrow import ArrowInvalid, parquet
    except ImportError as error:
        raise UsageError(f"{file}: parquet needs pyarrow: pip install pyarrow (or datasets)") from error
    try:
        table = parquet.ParquetFile(file)
    except (ArrowInvalid, OSError) as error:
        raise RecordError(f"{file}: not parquet: {error}") from error
    place = 0
    for batch in table.iter_batches(batch_size=64):
        for raw in batch.to_pylist():
            yield f"{file}: record {place}", raw
            place += 1
