"""Which regular files of a box differ from a snapshot.

The layers above the snapshot say which paths can differ: what lies in them, and what a deleted or
replaced folder hides. Each such path is then compared, bytes and mode, in two views that the kernel
makes: the snapshot's stack and the box's own. Nothing in either is followed: no link, no other mount.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator

from . import kernel
from .files import STRICT, Answer, Refused, open_strictly

_MAX_PATHS = 200_000
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_OPAQUE = ("trusted.overlay.opaque", "user.overlay.opaque")


def changes(layers: list[int], old: int, new: int, folder: str, max_bytes: int) -> Answer:
    """Compare the paths that the layers name.

    Args:
        layers: the folders of what was written since the snapshot.
        old: the root of the snapshot, and
        new: that of the box as it is.
        folder: where to look, a path of the box without links.
        max_bytes: how much may be returned in all.
    """
    try:
        paths = sorted(_candidates(layers, (old, new), folder.strip("/")))
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise Refused("changed files lie deeper than a path can name") from None
        raise
    found, parts, size = [], [], 0
    for path in paths:
        before, after = _content(old, path, max_bytes), _content(new, path, max_bytes - size)
        if before == after:
            continue
        name = path if folder in ("", "/") else path[len(folder.strip("/")) + 1 :]
        data = after[1] if after else None
        found.append([name, None if data is None else len(data)])
        if data is not None:
            size += len(data)
            parts.append(data)
    return {"files": found}, parts


def _content(root: int, path: str, max_bytes: int) -> tuple[int, bytes] | None:
    opened = open_strictly(root, path)
    if opened is None:
        return None
    fd, found = opened
    parts, size = [], 0
    try:
        while part := os.read(fd, 1 << 20):
            size += len(part)
            if size > max_bytes:
                raise Refused(
                    f"the changed files hold more bytes than may be read at once, {path} among them"
                )
            parts.append(part)
    finally:
        os.close(fd)
    return stat.S_IMODE(found.st_mode), b"".join(parts)


def _candidates(layers: list[int], views: tuple[int, int], folder: str) -> set[str]:
    paths: set[str] = set()
    for layer in layers:
        for path in _named(layer, views, folder):
            paths.add(path)
            if len(paths) > _MAX_PATHS:
                raise Refused(f"more than {_MAX_PATHS} files were changed")
    return paths


def _named(layer: int, views: tuple[int, int], folder: str) -> Iterator[str]:
    """Yield the paths below a folder that one layer can have changed."""
    at = ""
    for part in folder.split("/") if folder else ():
        path = f"{at}/{part}".lstrip("/")
        kind = _kind(layer, path)
        if kind is None:
            return
        if not stat.S_ISDIR(kind) or _is_opaque(layer, path):
            yield from _below(views, folder)
        if not stat.S_ISDIR(kind):
            return
        at = path
    yield from _walk(layer, views, folder)


def _walk(layer: int, views: tuple[int, int], top: str) -> Iterator[str]:
    waiting = [top]
    while waiting:
        folder = waiting.pop()
        for path, is_folder in _entries(os.open(folder or ".", _FOLDER, dir_fd=layer), folder):
            yield path
            if not is_folder or _is_opaque(layer, path):
                yield from _below(views, path)
            if is_folder:
                waiting.append(path)


def _below(views: tuple[int, int], top: str) -> Iterator[str]:
    """Yield the files that either view has under a path."""
    waiting = [(view, top) for view in views]
    while waiting:
        view, folder = waiting.pop()
        try:
            fd = kernel.open_in(view, folder or ".", os.O_RDONLY | os.O_DIRECTORY, STRICT)
        except OSError:
            continue
        for path, is_folder in _entries(fd, folder):
            if is_folder:
                waiting.append((view, path))
            else:
                yield path


def _entries(fd: int, folder: str) -> list[tuple[str, bool]]:
    """Return the paths in an open folder and whether each is one; the descriptor is closed."""
    prefix = f"{folder}/" if folder else ""
    try:
        with os.scandir(fd) as entries:
            return [(prefix + entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
    finally:
        os.close(fd)


def _kind(layer: int, path: str) -> int | None:
    try:
        return os.stat(path, dir_fd=layer, follow_symlinks=False).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return None


def _is_opaque(layer: int, path: str) -> bool:
    fd = os.open(path, _FOLDER, dir_fd=layer)
    try:
        return any(name in _OPAQUE for name in os.listxattr(fd))
    finally:
        os.close(fd)
