"""Folders that are worked in for a while, locked by whoever does, so that a sweep knows what a crash left.

The kernel frees the lock when its process ends, however that ends; see flock(2).
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

UNFINISHED = "turnwise-unfinished-"
"""How the names of folders begin that are being filled."""


class Scratch:
    """A new folder of this process alone; what dead processes left under its prefix is removed first.

    Args:
        prefix: of its name.
        parent: the folder that it is made in; None is that of temporary files.

    Raises:
        OSError: if it cannot be made.
    """

    def __init__(self, prefix: str, parent: Path | None = None) -> None:
        parent = parent or Path(tempfile.gettempdir())
        sweep_scratch(parent, prefix)
        self.folder, lock = _locked(prefix, parent)
        self.close = weakref.finalize(self, _remove, self.folder, lock)


@contextmanager
def scratch(parent: Path | None = None) -> Iterator[Path]:
    """Give a new folder, which is removed in the end; without a parent in that of temporary files."""
    folder, lock = _locked(UNFINISHED, parent)
    try:
        yield folder
    finally:
        _remove(folder, lock)


@contextmanager
def filled(place: Path) -> Iterator[Path]:
    """Give a new folder that takes a place once it is whole; another that was quicker stays there."""
    with scratch(place.parent) as folder:
        new = folder / "new"
        new.mkdir(mode=0o755)
        yield new
        try:
            new.rename(place)
        except OSError:
            if not place.is_dir():
                raise


def sweep_scratch(parent: Path, prefix: str = UNFINISHED) -> int:
    """Remove the folders of this user that nobody works in any more; return how many."""
    return sum(map(remove_unused, sorted(parent.glob(f"{prefix}*"))))


def _locked(prefix: str, parent: Path | None) -> tuple[Path, int]:
    """Return a new folder and its lock; look whether a sweep was quicker than the lock."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
        try:
            lock = os.open(folder, os.O_RDONLY)
        except FileNotFoundError:
            continue
        with suppress(OSError):  # a file system that locks nothing: no sweep removes anything there either
            fcntl.flock(lock, fcntl.LOCK_EX)
        if folder.is_dir():
            return folder, lock
        os.close(lock)


def _remove(folder: Path, lock: int) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    os.close(lock)


def remove_unused(folder: Path) -> bool:
    """Remove a folder of this user if nobody works in it; tell whether it is gone."""
    try:
        lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        if os.fstat(lock).st_uid != os.geteuid():
            return False
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder, ignore_errors=True)
        return not folder.exists()
    except OSError:  # somebody works in it, or its file system locks nothing
        return False
    finally:
        os.close(lock)
