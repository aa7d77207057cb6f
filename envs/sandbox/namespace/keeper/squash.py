"""Many frozen layers made one, so that a stack stays shallow whatever is done in its box.

Layers are applied from the lowest to the topmost as the kernel would show them, deletions included, since
a base lies below. They are frozen: nothing in them moves while they are read.
"""

from __future__ import annotations

import os
import shutil
import stat

_OPAQUE = ("trusted.overlay.opaque", "user.overlay.opaque")
_CHUNK = 1 << 24


def squash(layers: list[str], target: str) -> None:
    """Apply layers, topmost first in the list, to an empty folder."""
    for layer in reversed(layers):
        _finish(layer, target)
        waiting = [""]
        while waiting:
            folder = waiting.pop()
            with os.scandir(f"{layer}/{folder}") as entries:
                names = [entry.name for entry in entries]
            for name in names:
                path = f"{folder}{name}"
                if _apply(f"{layer}/{path}", f"{target}/{path}"):
                    waiting.append(f"{path}/")


def _apply(source: str, target: str) -> bool:
    """Put one entry where it belongs; return whether it is a folder, to be gone through."""
    found, there = os.lstat(source), _kind(target)
    if stat.S_ISDIR(found.st_mode):
        is_opaque = any(name in _OPAQUE for name in os.listxattr(source, follow_symlinks=False))
        hides = there is not None and (is_opaque or not stat.S_ISDIR(there))
        if hides:
            _remove(target)
        if hides or there is None:
            os.mkdir(target)
        _finish(source, target)
        if hides and not is_opaque:
            os.setxattr(target, _attribute(), b"y")
        return True
    if there is not None:
        _remove(target)
    if stat.S_ISREG(found.st_mode):
        _copy(source, target)
    elif stat.S_ISLNK(found.st_mode):
        os.symlink(os.readlink(source), target)
    else:
        os.mknod(target, found.st_mode, found.st_rdev)
    _finish(source, target)
    return False


def _kind(path: str) -> int | None:
    try:
        return os.lstat(path).st_mode
    except FileNotFoundError:
        return None


def _remove(path: str) -> None:
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    else:
        os.unlink(path)


def _attribute() -> str:
    return _OPAQUE[0] if os.geteuid() == 0 else _OPAQUE[1]


def _copy(source: str, target: str) -> None:
    reading = os.open(source, os.O_RDONLY | os.O_NOFOLLOW)
    writing = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    while os.sendfile(writing, reading, None, _CHUNK):
        pass
    os.close(reading)
    os.close(writing)


def _finish(source: str, target: str) -> None:
    """Give the target the owner, mode, attributes and times of its source."""
    found = os.lstat(source)
    os.chown(target, found.st_uid, found.st_gid, follow_symlinks=False)
    if not stat.S_ISLNK(found.st_mode):
        os.chmod(target, stat.S_IMODE(found.st_mode))
    for name in os.listxattr(source, follow_symlinks=False):
        os.setxattr(target, name, os.getxattr(source, name, follow_symlinks=False), follow_symlinks=False)
    os.utime(target, ns=(found.st_atime_ns, found.st_mtime_ns), follow_symlinks=False)
