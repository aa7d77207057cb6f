"""Images of one's own: a root file system as a folder, used where it lies, or as a tar file, unpacked once.

What is unpacked lies in the user's cache under a name made of its content. A box never writes to it: it
is the lowest layer of its stack. Generated files lie over it: mount points, the box's own user.
"""

from __future__ import annotations

import hashlib
import os
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ....scratch import filled
from ..errors import ImageError
from .host import GID, UID, cache_folder

PREFIX = "rootfs:"
UNPACK_S = 1800.0
"""Seconds that an archive may take."""
_MAX_TABLE_BYTES = 1 << 20
_MAX_FILES, _MAX_BYTES = 5_000_000, 64 << 30  # of an archive


@dataclass(frozen=True)
class Person:
    """A user of an image."""

    name: str
    uid: int
    gid: int
    home: str


OWN = Person("agent", UID, GID, "/home/agent")
"""The user of a box whose specification names none."""


def is_archive(image: str) -> bool:
    """Return whether an image is a file, to be unpacked."""
    return Path(image.removeprefix(PREFIX)).is_file()


def root_of(image: str) -> Path:
    """Return the folder of an image.

    Raises:
        ImageError: if it is no image of this backend, is not there, or is no root file system.
    """
    if not image.startswith(PREFIX):
        raise ImageError(
            f"image={image!r}: boxes of namespaces are made of 'host' or 'rootfs:PATH'; "
            "images of a registry and Dockerfiles need the docker backend"
        )
    path = Path(image.removeprefix(PREFIX))
    if path.is_file():
        path = _unpacked(path)
    if not path.is_dir():
        raise ImageError(f"image={image!r}: {path} is neither a folder nor a tar file")
    if not any(
        (path / name).is_symlink() or (path / name).is_file() for name in ("bin/bash", "usr/bin/bash")
    ):
        raise ImageError(f"image={image!r}: {path} has no bin/bash; a whole root file system is expected")
    return path.resolve()


def _unpacked(path: Path) -> Path:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    place = cache_folder() / f"rootfs-{digest[:32]}"
    if place.is_dir():
        return place
    with filled(place) as new:
        try:
            with tarfile.open(path) as archive:
                archive.extractall(new, numeric_owner=True, filter=_Filter(path))
        except (tarfile.TarError, OSError, EOFError) as error:
            raise ImageError(f"{path} cannot be unpacked: {error}") from error
    return place


class _Filter:
    """What is unpacked of an archive, and as what: inside the folder, never a device, within bounds."""

    def __init__(self, path: Path) -> None:
        self._path, self._num_files, self._num_bytes = path, 0, 0

    def __call__(self, member: tarfile.TarInfo, folder: str) -> tarfile.TarInfo | None:
        """Return a member as it is to be unpacked, None to leave it out."""
        self._num_files += 1
        self._num_bytes += member.size
        if self._num_files > _MAX_FILES or self._num_bytes > _MAX_BYTES:
            raise ImageError(
                f"{self._path} holds more than {_MAX_FILES} files or {_MAX_BYTES >> 30} GB: unpack it "
                "yourself and name the folder"
            )
        if member.ischr() or member.isblk():
            return None
        mode = member.mode
        safe = tarfile.tar_filter(member, folder)
        return safe.replace(mode=mode & 0o1777, deep=False) if not member.issym() else safe


def describe(root: Path) -> dict[str, Any]:
    """Return the base for the keeper: the folder, and what is generated over it."""
    entries: list[dict[str, Any]] = [{"path": name} for name in ("etc", "proc", "dev", "sys", "home")]
    for name in ("etc", "home"):
        if (root / name).is_symlink():
            raise ImageError(f"{root}/{name} is a link; a folder is expected in a root file system")
    entries += [{"path": "tmp", "mode": 0o1777}, {"path": "home/agent", "owner": [UID, GID]}]
    tables = {
        "passwd": f"{OWN.name}:x:{UID}:{GID}:{OWN.name}:{OWN.home}:/bin/bash\n",
        "group": f"{OWN.name}:x:{GID}:\n",
    }
    for name, line in tables.items():
        kept = [line for line in _lines(root, name) if not line.startswith(f"{OWN.name}:")]
        entries.append({"path": f"etc/{name}", "text": "".join([*kept, line])})
    entries.append({"path": "etc/hosts", "text": "127.0.0.1 localhost box\n::1 localhost\n"})
    entries.append({"path": "etc/hostname", "text": "box\n"})
    return {"files": entries, "folder": str(root)}


def _lines(root: Path, name: str) -> Iterator[str]:
    """Yield the lines of a table in the image's /etc; a link there is not followed."""
    try:
        fd = os.open(root / "etc" / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return
    with os.fdopen(fd, encoding="latin-1") as file:
        for line in file.read(_MAX_TABLE_BYTES).splitlines():
            yield line + "\n"


def person(root: Path, user: str | None) -> Person:
    """Return a user of an image by name or `uid[:gid]`.

    Raises:
        ImageError: if there is no such user, or it is user 0.
    """
    if user is None or user == OWN.name:
        return OWN
    found = next((row for row in _rows(root, "passwd", 7) if row[0] == user), None)
    if found is not None:
        who = Person(user, int(found[2]), int(found[3]), found[5] or "/")
    else:
        words = user.split(":")
        if not all(word.isascii() and word.isdigit() for word in words) or len(words) > 2:
            raise ImageError(f"user={user!r}: {root}/etc/passwd has no such user")
        who = Person(user, int(words[0]), int(words[-1]), "/")
    if who.uid == 0 or who.gid == 0 or max(who.uid, who.gid) > (1 << 32) - 2:
        raise ImageError(
            f"user={user!r}: boxes of namespaces run nothing as user or group 0; use the docker backend"
        )
    return who


def _rows(root: Path, name: str, length: int) -> Iterator[list[str]]:
    for line in _lines(root, name):
        row = line.rstrip("\n").split(":")
        if len(row) == length and row[2].isdigit() and row[3].isdigit():
            yield row
