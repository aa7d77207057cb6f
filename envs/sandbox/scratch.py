"""Folders that are worked in for a while, locked by whoever does, so that a sweep knows what a crash left.

The kernel frees the lock when its process ends, however that ends; see flock(2).
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PREFIX = "turnwise-unfinished-"
_YOUNG_S = 60.0  # made, and perhaps not locked yet


@contextmanager
def scratch(parent: Path | None = None) -> Iterator[Path]:
    """Give a new folder, which is removed in the end; without a parent in that of temporary files."""
    folder = tempfile.mkdtemp(prefix=_PREFIX, dir=parent)
    lock = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield Path(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


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


def sweep_scratch(parent: Path) -> int:
    """Remove the folders of this user that nobody works in any more; return how many."""
    oldest = time.time() - _YOUNG_S
    return sum(_removed(folder, oldest) for folder in sorted(parent.glob(f"{_PREFIX}*")))


def _removed(folder: Path, oldest: float) -> bool:
    try:
        lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        status = os.fstat(lock)
        if status.st_uid != os.geteuid() or status.st_mtime > oldest:
            return False
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder, ignore_errors=True)
        return not folder.exists()
    except OSError:  # somebody works in it, or its file system locks nothing
        return False
    finally:
        os.close(lock)
