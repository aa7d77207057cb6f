"""Tables of tasks: rows of a file, of the hub, of a `datasets.Dataset`, or of a list."""

from __future__ import annotations

import csv
import functools
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import httpx

from ...errors import UsageError
from ..retrieval.storage import source_tag

Row = Mapping[str, Any]

MAX_ROWS = 2_000_000
MAX_FILE_BYTES = 4 << 30
MAX_FIELD_CHARS = 1 << 20
_FAILURES = (OSError, ValueError, TypeError, LookupError, ImportError, httpx.HTTPError)
_HUB = "hub:"


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Table:
    """Rows and where they are from.

    Attributes:
        rows: one a task.
        source: their place, for messages.
        digest: a hash of what is in them.
    """

    rows: tuple[Row, ...]
    source: str
    digest: str = field(init=False)

    def __post_init__(self) -> None:
        digest = hashlib.sha256()
        for row in self.rows:
            digest.update(json.dumps(row, sort_keys=True, default=_named).encode() + b"\n")
        object.__setattr__(self, "digest", digest.hexdigest()[:16])

    def __repr__(self) -> str:
        return f"{len(self.rows)} rows of {self.source}"

    def __deepcopy__(self, memo: Any) -> Table:
        return self  # nothing of it is ever changed


def table_of(data: Any) -> Table:
    """Return the table that is given.

    Args:
        data: a file (.jsonl, .json, .csv, .tsv, .parquet), `hub:NAME`, `hub:NAME?split=test&config=main`
            (by the package `datasets`; NAME may be a folder), a `datasets.Dataset`, or dicts.

    Raises:
        UsageError: if it cannot be read, is empty or too large; with the row and the reason.
    """
    if isinstance(data, Table):
        return data
    if isinstance(data, str | Path):
        place = str(data)
        if place.startswith(_HUB):
            return _of_hub(place.removeprefix(_HUB))
        return _of_file(place, source_tag(Path(place)))
    if isinstance(data, Mapping) or not isinstance(data, Iterable):
        raise UsageError(
            f"data {type(data).__name__}: expected a file, hub:NAME, a datasets.Dataset of one split, or a "
            "list of dicts"
        )
    return Table(_checked(enumerate(data), type(data).__name__), type(data).__name__)


@functools.lru_cache(maxsize=8)
def _of_file(place: str, tag: str) -> Table:
    file = Path(place)
    if file.suffix not in _READERS:
        raise UsageError(f"{file}: expected a file ending in {', '.join(_READERS)}, or hub:NAME")
    if file.stat().st_size > MAX_FILE_BYTES:
        raise UsageError(f"{file}: larger than {MAX_FILE_BYTES >> 30} GiB; take a part of it")
    try:
        return Table(_checked(_READERS[file.suffix](file), str(file)), file.name)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"{file}: cannot be read: {error}") from error


@functools.lru_cache(maxsize=8)
def _of_hub(name: str) -> Table:
    try:
        import datasets
    except ImportError as error:
        raise UsageError(
            f"hub:{name} needs the package datasets, not installed: pip install datasets"
        ) from error
    place, _, query = name.partition("?")
    given = {key: values[-1] for key, values in parse_qs(query).items()}
    if wrong := given.keys() - {"split", "config", "revision"}:
        raise UsageError(f"hub:{name}: {sorted(wrong)}: expected split, config and revision after the ?")
    split = given.get("split", "train")
    try:
        found = datasets.load_dataset(place, given.get("config"), split=split, revision=given.get("revision"))
    except (*_FAILURES, datasets.exceptions.DatasetsError) as error:
        raise UsageError(f"hub:{name}: datasets cannot load it: {type(error).__name__}: {error}") from error
    return Table(_checked(enumerate(found), f"hub:{name}"), f"hub:{name}")


def _checked(rows: Iterable[tuple[int, Any]], source: str) -> tuple[Row, ...]:
    kept: list[Row] = []
    for number, row in rows:
        if not isinstance(row, Mapping):
            raise UsageError(f"{source}: row {number} is {type(row).__name__}; expected columns by name")
        if len(kept) == MAX_ROWS:
            raise UsageError(f"{source}: more than {MAX_ROWS} rows; take a part of it")
        kept.append(dict(row))
    if not kept:
        raise UsageError(f"{source}: holds no row")
    return tuple(kept)


def _lines(file: Path) -> Iterator[tuple[int, Any]]:
    with file.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            if line.strip():
                yield number, _parsed(file, f"line {number}", line)


def _array(file: Path) -> Iterator[tuple[int, Any]]:
    content = _parsed(file, "the file", file.read_text(encoding="utf-8"))
    if not isinstance(content, list):
        raise UsageError(f"{file}: holds {type(content).__name__}; expected a list of objects")
    yield from enumerate(content)


def _separated(file: Path) -> Iterator[tuple[int, Any]]:
    csv.field_size_limit(MAX_FIELD_CHARS)
    with file.open(encoding="utf-8-sig", newline="") as lines:
        reader = csv.DictReader(lines, delimiter="\t" if file.suffix == ".tsv" else ",", strict=True)
        for number, row in enumerate(reader, start=1):
            if None in row or None in row.values():
                raise UsageError(f"{file}: row {number} has another number of fields than the first line")
            yield number, row


def _parquet(file: Path) -> Iterator[tuple[int, Any]]:
    try:
        from pyarrow import ArrowInvalid, parquet
    except ImportError as error:
        raise UsageError(f"{file}: parquet needs pyarrow: pip install 'turnwise[parquet]'") from error
    try:
        batches = parquet.ParquetFile(file).iter_batches(batch_size=1024)
        yield from enumerate(row for batch in batches for row in batch.to_pylist())
    except ArrowInvalid as error:
        raise UsageError(f"{file}: is not parquet: {error}") from error


def _named(value: Any) -> str:
    """Return what stands in a digest for a value that JSON does not hold: equal in every process."""
    return (
        hashlib.sha256(value).hexdigest() if isinstance(value, bytes) else f"{type(value).__name__} {value}"
    )


def _parsed(file: Path, where: str, text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{file}: {where} is not JSON: {error}") from error


_READERS: dict[str, Callable[[Path], Iterator[tuple[int, Any]]]] = {
    ".jsonl": _lines,
    ".json": _array,
    ".csv": _separated,
    ".tsv": _separated,
    ".parquet": _parquet,
}
