"""Reading and writing in a box, by a child that has entered its mount namespace as the box's user.

What lies there is hostile: names may be links, pipes or devices, and change at any moment. The child has
the rights of the box's user and no path out of the box, so that the kernel decides; it opens nothing
that could make it wait, and its time is limited. It answers into a memory file: an object, then bytes.
"""

from __future__ import annotations

import errno
import json
import os
import stat
import struct
import uuid
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

from . import kernel
from .entering import Person, become, enter, forget_the_parent, join

Answer = tuple[dict[str, Any], "list[bytes]"]

_NOT_REGULAR = "is not a regular file"

STRICT = kernel.RESOLVE_BENEATH | kernel.RESOLVE_NO_SYMLINKS | kernel.RESOLVE_NO_XDEV
"""How paths are resolved on behalf of the host: below a folder, through no link, onto no other mount."""


class Refused(Exception):
    """What the caller should not have asked for."""


def child(
    pod: int | None, person: Person | None, groups: tuple[str, ...], work: Callable[[], Answer], result: int
) -> NoReturn:
    """Enter the files of a box, do some work and write its answer, or its error; never returns.

    Without a person it is done by user 0, who can still go nowhere else; without a pod from outside.
    """
    try:
        forget_the_parent()
        join(groups)
        os.umask(0o022)
        if pod is not None:
            enter(pod, only_files=True)
        if person is not None:
            become(person)
        try:
            head, parts = work()
        except OSError as error:
            head, parts = {"errno": error.errno or errno.EIO, "path": str(error.filename or "")}, []
        except Refused as error:
            head, parts = {"refused": str(error)}, []
        data = json.dumps(head).encode()
        for part in (struct.pack("<I", len(data)), data, *parts):
            _fill(result, part)
        os._exit(0)
    finally:
        os._exit(1)


def read(path: str, max_bytes: int) -> Answer:
    """Return a regular file's bytes."""
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    found = os.fstat(fd)
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    if not stat.S_ISREG(found.st_mode):
        raise Refused(f"{path} {_NOT_REGULAR}")
    parts, size = [], 0
    while part := os.read(fd, 1 << 20):
        size += len(part)
        if size > max_bytes:
            raise Refused(f"{path} is longer than {max_bytes} bytes")
        parts.append(part)
    return {}, parts


def write(path: str, data: bytes, mode: int) -> Answer:
    """Write a file whole or not at all, and the folders above it."""
    path = os.path.realpath(path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        pass
    else:
        if stat.S_ISDIR(found.st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
        if not stat.S_ISREG(found.st_mode):
            raise Refused(f"{path} {_NOT_REGULAR}")
        if not os.access(path, os.W_OK, effective_ids=True):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
    beside = f"{os.path.dirname(path)}/.{uuid_hex()}"
    fd = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        _fill(fd, data)
        os.fchmod(fd, mode & 0o777)
        os.rename(beside, path)
    except BaseException:
        os.unlink(beside)
        raise
    finally:
        os.close(fd)
    return {}, []


def uuid_hex() -> str:
    """Return a name that nobody guesses."""
    return uuid.UUID(bytes=os.urandom(16)).hex


def _fill(fd: int, data: bytes | memoryview) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def write_tree(folder: str, files: Iterator[tuple[str, memoryview]], *, by_root: bool) -> Answer:
    """Write many files under a folder.

    A link in the way of a folder of theirs is replaced, and for root a file too, whoever put it there.

    Raises:
        NotADirectoryError: if a file is in the way of a folder of the box's user.
        Refused: if root would go to the folder through a link, which somebody else may have put there.
    """
    os.makedirs(folder, exist_ok=True)
    root = os.open("/", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    how = kernel.RESOLVE_IN_ROOT | (kernel.RESOLVE_NO_SYMLINKS if by_root else 0)
    try:
        top = kernel.open_in(root, folder, os.O_RDONLY | os.O_DIRECTORY, how)
    except OSError as error:
        if by_root and error.errno == errno.ELOOP:
            raise Refused(f"folder {folder!r} is reached through a link: root writes through none") from error
        raise
    for path, data in files:
        *above, name = path.split("/")
        at = os.dup(top)
        for part in above:
            below = _folder(at, part, by_root=by_root)
            os.close(at)
            at = below
        _place(at, name, data)
        os.close(at)
    return {}, []


def empty(folder: str) -> Answer:
    """Remove everything below a folder, as root; a folder that is reached through a link is left alone."""
    root = os.open("/", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        top = kernel.open_in(
            root, folder, os.O_RDONLY | os.O_DIRECTORY, kernel.RESOLVE_IN_ROOT | kernel.RESOLVE_NO_SYMLINKS
        )
    except (FileNotFoundError, NotADirectoryError):
        return {}, []
    for _, folders, others, at in os.fwalk(topdown=False, dir_fd=top):
        for name in others:
            os.unlink(name, dir_fd=at)
        for name in folders:
            try:
                os.rmdir(name, dir_fd=at)
            except NotADirectoryError:  # a link to one
                os.unlink(name, dir_fd=at)
    return {}, []


def _folder(at: int, name: str, *, by_root: bool) -> int:
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        return os.open(name, flags, dir_fd=at)
    except NotADirectoryError:
        if not by_root and not stat.S_ISLNK(os.lstat(name, dir_fd=at).st_mode):
            raise
        os.unlink(name, dir_fd=at)
    except FileNotFoundError:
        pass
    os.mkdir(name, 0o755, dir_fd=at)
    return os.open(name, flags, dir_fd=at)


def _place(at: int, name: str, data: memoryview) -> None:
    """Put a new file in a folder, in place of whatever has its name."""
    beside = f".{uuid_hex()}"
    fd = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644, dir_fd=at)
    try:
        _fill(fd, data)
        os.rename(beside, name, src_dir_fd=at, dst_dir_fd=at)
    except BaseException:
        os.unlink(beside, dir_fd=at)
        raise
    finally:
        os.close(fd)


def open_strictly(root: int, path: str) -> tuple[int, os.stat_result] | None:
    """Open a regular file below a folder; None if there is no such, or only through a link."""
    try:
        fd = kernel.open_in(root, path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY, STRICT)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EXDEV, errno.ENXIO, errno.EISDIR):
            return None
        raise
    found = os.fstat(fd)
    if stat.S_ISREG(found.st_mode):
        return fd, found
    os.close(fd)
    return None
