"""Folders and tar files that images are made of: what they hold as a digest, and as a tar file."""

from __future__ import annotations

import hashlib
import os
import stat
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from ..errors import ImageError

_known: dict[str, tuple[str, str]] = {}


def digest(path: Path) -> str:
    """Return a hash of a file, or of all names, modes, links and bytes below a folder.

    It is computed anew only where size or time of something changed since this process last did.

    Raises:
        ImageError: if something there cannot be read.
    """
    try:
        seen = _hash(path, contents=False)
        if _known.get(str(path), ("", ""))[0] != seen:
            _known[str(path)] = (seen, _hash(path, contents=True))
    except OSError as error:
        raise ImageError(f"{path}: {error.strerror or error}; expected files that can be read") from error
    return _known[str(path)][1]


def _hash(path: Path, *, contents: bool) -> str:
    total = hashlib.sha256()
    for name, entry in [("", path), *_below(path)]:
        info = entry.lstat()
        fields = [name, oct(info.st_mode), str(info.st_uid), str(info.st_gid)]
        if stat.S_ISLNK(info.st_mode):
            fields.append(str(entry.readlink()))
        elif stat.S_ISREG(info.st_mode):
            fields.append(
                _bytes_of(entry) if contents else f"{info.st_size} {info.st_mtime_ns} {info.st_ino}"
            )
        total.update("\0".join(fields).encode("utf-8", "surrogateescape") + b"\0\0")
    return total.hexdigest()


def _below(folder: Path) -> Iterator[tuple[str, Path]]:
    if not folder.is_dir():
        return
    for where, folders, files in os.walk(folder, onerror=_raise):
        folders.sort()
        for name in sorted([*files, *folders]):
            entry = Path(where, name)
            yield str(entry.relative_to(folder)), entry


def _raise(error: OSError) -> None:
    raise error


def _bytes_of(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def pack(folder: Path, into: IO[bytes]) -> None:
    """Write a folder as a tar file, with numbers for owners; sockets are left out.

    Raises:
        ImageError: if something there cannot be read.
    """
    try:
        with tarfile.open(fileobj=into, mode="w|", format=tarfile.PAX_FORMAT) as archive:
            for name, entry in _below(folder):
                if not stat.S_ISSOCK(entry.lstat().st_mode):
                    archive.add(entry, arcname=name, recursive=False)
    except OSError as error:
        raise ImageError(f"{folder}: {error.strerror or error}; expected files that can be read") from error
