"""What dead processes left of boxes, and images that were unpacked for boxes of namespaces."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from ...envs.sandbox.namespace.host import cache_place
from ...envs.sandbox.namespace.places import living
from ...errors import UsageError
from ...scratch import UNFINISHED, remove_unused
from .found import Found, measured

_IMAGE = re.compile(r"(rootfs|pytest)-[0-9a-f]{16,32}")


def unfinished(now: float) -> Iterator[Found]:
    """Yield folders of this user that were being filled by processes that have ended."""
    for parent in dict.fromkeys((Path(tempfile.gettempdir()), cache_place())):
        for folder in sorted(parent.glob(f"{UNFINISHED}*")):
            if _is_free(folder):
                size, written = measured(folder)
                yield Found("unfinished", str(folder), size, now - written, "", partial(_remove_free, folder))


def images(older_s: float, now: float) -> Iterator[Found]:
    """Yield what was unpacked for boxes of namespaces so long ago; it is unpacked again when it is needed."""
    place = cache_place()
    for folder in sorted(place.iterdir()) if place.is_dir() else []:
        if not _IMAGE.fullmatch(folder.name) or folder.is_symlink() or not folder.is_dir():
            continue
        size, _ = measured(folder)
        age_s = now - folder.lstat().st_mtime
        if age_s >= older_s:
            yield Found("image", str(folder), size, age_s, _used(folder), partial(_remove_image, folder))


def _is_free(folder: Path) -> bool:
    """Tell whether nobody works in a folder of this user."""
    try:
        lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return os.fstat(lock).st_uid == os.geteuid()
    except OSError:
        return False
    finally:
        os.close(lock)


def _remove_free(folder: Path) -> None:
    if not remove_unused(folder):
        raise UsageError(f"{folder}: somebody works in it now; nothing was removed")


def _used(folder: Path) -> str:
    """Say who uses an image; "" if nobody does."""
    if living():
        return "boxes of namespaces are running, which may use it"
    for mounts in Path("/proc").glob("[0-9]*/mountinfo"):
        try:
            if str(folder) in mounts.read_text(encoding="utf-8", errors="replace"):
                return f"process {mounts.parent.name} has it mounted"
        except OSError:  # ended meanwhile, or of somebody else, who has a cache of their own
            continue
    return ""


def _remove_image(folder: Path) -> None:
    used = _used(folder)
    if used:
        raise UsageError(f"{folder}: {used}; nothing was removed")
    aside = folder.with_name(f"{UNFINISHED}{folder.name}-{time.time_ns()}")
    folder.rename(aside)  # at once: a box that begins now unpacks it again
    shutil.rmtree(aside)
