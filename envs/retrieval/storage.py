"""Collections on disk: an index and its records, mapped into memory when opened.

A collection is a folder that appears whole or not at all: it is written under a
temporary name, synced and renamed. `tag` says what it was made from; a folder
with another tag or format is not opened, so a stale one is rebuilt.
"""

from __future__ import annotations

import hashlib
import json
import mmap
import os
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from ...errors import UsageError
from .bm25 import Bm25Index

_FORMAT = 1
_ARRAYS = ("starts", "documents", "impacts", "ceilings")


class Records(Sequence[dict[str, Any]]):
    """JSON records of a mapped file, each with its key; an access decodes one record."""

    def __init__(self, blob: bytes | mmap.mmap, offsets: NDArray[np.int64], keys: list[str]) -> None:
        self.keys = keys
        self._blob = blob
        self._offsets = offsets

    def __len__(self) -> int:
        return len(self._offsets) - 1

    @overload
    def __getitem__(self, index: int) -> dict[str, Any]: ...

    @overload
    def __getitem__(self, index: slice) -> list[dict[str, Any]]: ...

    def __getitem__(self, index: int | slice) -> dict[str, Any] | list[dict[str, Any]]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        if not -len(self) <= index < len(self):
            raise IndexError(f"record {index} of {len(self)}")
        index %= len(self)
        text = self._blob[int(self._offsets[index]) : int(self._offsets[index + 1])]
        record: dict[str, Any] = json.loads(text)
        return record


def cache_folder() -> Path:
    """Return where collections are kept between runs: XDG_CACHE_HOME/turnwise or ~/.cache/turnwise."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "turnwise"


def source_tag(*paths: Path, extra: str = "") -> str:
    """Return a short hash of names, sizes and times of change of files, and of this module's format."""
    digest = hashlib.sha256(f"{_FORMAT} {extra}".encode())
    for path in paths:
        try:
            stat = path.stat()
        except OSError as error:
            raise UsageError(f"{path}: {error.strerror}; expected a data file") from error
        digest.update(f"\0{path.resolve()} {stat.st_size} {stat.st_mtime_ns}".encode())
    return digest.hexdigest()[:24]


def write_collection(
    folder: Path, tag: str, index: Bm25Index, records: Iterable[tuple[str, dict[str, Any]]]
) -> None:
    """Write an index and (key, record) of each of its documents; an existing folder of that name is replaced.

    Two writers do not harm each other: the folder of the one that ends last stays.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=folder.name + ".", dir=folder.parent))
    try:
        _write_files(work, tag, index, records)
        if folder.exists():
            old = Path(tempfile.mkdtemp(prefix=folder.name + ".", dir=folder.parent))
            folder.rename(old / "old")
            shutil.rmtree(old)
        work.rename(folder)
    except BaseException:
        shutil.rmtree(work, ignore_errors=True)
        raise


def open_collection(folder: Path, tag: str) -> tuple[Bm25Index, Records] | None:
    """Map a collection that was written under this tag, or return None where none is written."""
    try:
        meta = json.loads((folder / "meta.json").read_text("utf-8"))
    except (OSError, ValueError):
        return None
    if meta.get("tag") != tag or meta.get("format") != _FORMAT:
        return None
    arrays = {name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in _ARRAYS}
    names = (folder / "terms.txt").read_text("utf-8").split("\n")
    terms = {name: number for number, name in enumerate(names) if name}
    index = Bm25Index(terms, num_documents=meta["num_documents"], **arrays)
    return index, _open_records(folder)


def _open_records(folder: Path) -> Records:
    offsets = np.load(folder / "offsets.npy", mmap_mode="r")
    keys = json.loads((folder / "keys.json").read_text("utf-8"))
    if not int(offsets[-1]):
        return Records(b"", offsets, keys)
    with (folder / "records.bin").open("rb") as file:
        return Records(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ), offsets, keys)


def _write_files(
    work: Path, tag: str, index: Bm25Index, records: Iterable[tuple[str, dict[str, Any]]]
) -> None:
    for name in _ARRAYS:
        np.save(work / f"{name}.npy", getattr(index, name))
    (work / "terms.txt").write_text("\n".join(index.terms), "utf-8")
    offsets, keys = [0], []
    with (work / "records.bin").open("wb") as file:
        for key, record in records:
            keys.append(key)
            offsets.append(offsets[-1] + file.write(json.dumps(record).encode()))
    np.save(work / "offsets.npy", np.array(offsets, np.int64))
    (work / "keys.json").write_text(json.dumps(keys), "utf-8")
    meta = {"format": _FORMAT, "tag": tag, "num_documents": index.num_documents}
    (work / "meta.json").write_text(json.dumps(meta), "utf-8")
    for path in work.iterdir():
        with path.open("rb") as file:
            os.fsync(file.fileno())
