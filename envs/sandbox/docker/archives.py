"""Files as the engine hands them out and takes them in: tar streams, whose contents are hostile.

Nothing is ever unpacked on this machine. What is put in by the engine is written as root inside, so that no
part of the way there may be a symbolic link; while it is put in the box stands still.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import posixpath
import tarfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import IO, Any, NamedTuple, cast

from ....errors import UsageError
from .engine import Engine, Missing

_CHUNK_BYTES = 1 << 20
_LINK = 1 << 27  # Go's os.ModeSymlink, in which the engine says what is there
_FOLDER = 1 << 31
_MAX_STREAM_BYTES = 8 << 30
_LIMIT_S = 600.0
_HEAD_S = 60.0
_ABOUT = "X-Docker-Container-Path-Stat"


class Held(NamedTuple):
    """A regular file of a tree: its permissions and the hash of its bytes."""

    mode: int
    digest: str


async def kind(engine: Engine, container: str, path: str) -> str:
    """Tell what is at a path: "missing", "link", "folder" or "other"; links before its end are followed."""

    def ask() -> int:
        url = engine.api._url("/containers/{0}/archive", container)
        answer = engine.api.head(url, params={"path": path}, timeout=_HEAD_S)
        engine.api._raise_for_status(answer)
        return int(_about(answer)["mode"])

    try:
        mode = await engine.run(ask)
    except Missing:
        return "missing"
    return "link" if mode & _LINK else "folder" if mode & _FOLDER else "other"


def _about(answer: Any) -> dict[str, Any]:
    """Return what the engine says of a path beside its answer."""
    about: dict[str, Any] = json.loads(base64.b64decode(answer.headers[_ABOUT]))
    return about


async def make_folder(engine: Engine, container: str, path: str, owner: tuple[int, int]) -> None:
    """Make a folder and those above it that are missing; it belongs to the owner, the others to root.

    Raises:
        UsageError: if the path is not absolute, or leads through something else than folders.
    """
    missing = await _missing(engine, container, path)
    if missing:
        members = [(name, None, 0o755, owner if name == missing[-1] else (0, 0)) for name in missing]
        await _put(engine, container, posixpath.dirname(missing[0]), members)


async def put_tree(
    engine: Engine, container: str, folder: str, files: Mapping[str, bytes], *, own_folder: bool
) -> list[str]:
    """Write files that belong to root under a folder.

    Args:
        engine: where.
        container: which.
        folder: absolute.
        files: path from the folder -> bytes.
        own_folder: whether the folder itself shall belong to root too.

    A link or a file in the way of a folder of theirs is replaced.

    Returns:
        The folders that belong to root by now.

    Raises:
        UsageError: if a path leaves the folder, or the folder is reached through a symbolic link.
    """
    inner = sorted({part for name in files for part in parents(name)})
    top = await _missing(engine, container, folder)
    start = posixpath.dirname(top[0]) if top else folder if not own_folder else posixpath.dirname(folder)
    made = top or ([folder] if own_folder and folder != "/" else [])
    folders = [*made, *(posixpath.join(folder, name) for name in inner)]
    members: list[tuple[str, bytes | None, int, tuple[int, int]]] = [
        (name, None, 0o755, (0, 0)) for name in folders
    ]
    members += [(posixpath.join(folder, name), data, 0o644, (0, 0)) for name, data in files.items()]
    await _put(engine, container, start, members)
    return folders


async def open_folders(engine: Engine, container: str, folders: Iterable[str]) -> None:
    """Let everybody remove what is in these folders, which root put there."""
    await _put(engine, container, "/", [(folder, None, 0o777, (0, 0)) for folder in sorted(folders)])


def parents(name: str) -> Iterator[str]:
    """Yield the folders above a relative name, outermost first.

    Raises:
        UsageError: if it is absolute, empty, holds NUL, or steps upwards.
    """
    parts = name.split("/")
    if "\0" in name or any(part in ("", ".", "..") for part in parts):
        raise UsageError(f"file name {name!r}: expected a relative path without empty parts, '.' and '..'")
    for end in range(1, len(parts)):
        yield "/".join(parts[:end])


async def _missing(engine: Engine, container: str, path: str) -> list[str]:
    """Return what of a path is not there, outermost first; refuse a way through anything but folders."""
    if not path.startswith("/") or (posixpath.normpath(path) != path.rstrip("/") and path != "/"):
        raise UsageError(f"folder {path!r}: expected an absolute path without empty parts, '.' and '..'")
    missing: list[str] = []
    at = ""
    for part in filter(None, path.split("/")):
        at = f"{at}/{part}"
        found = "missing" if missing else await kind(engine, container, at)
        if found == "missing":
            missing.append(at)
        elif found != "folder":
            raise UsageError(f"{path!r} leads through {at!r}, which is not a folder but a {found}")
    return missing


async def _put(
    engine: Engine,
    container: str,
    start: str,
    members: Iterable[tuple[str, bytes | None, int, tuple[int, int]]],
) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path, data, mode, (uid, gid) in members:
            info = tarfile.TarInfo(posixpath.relpath(path, start))
            info.mode, info.uid, info.gid = mode, uid, gid
            if data is None:
                info.type = tarfile.DIRTYPE
                archive.addfile(info)
            else:
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))
    await engine.call("put_archive", container, start, packed.getvalue(), limit_s=_LIMIT_S)


async def manifest(engine: Engine, container: str, folder: str, max_bytes: int) -> dict[str, Held]:
    """Return the regular files under a folder: path from it -> mode and hash.

    Raises:
        UsageError: if one of them is longer than a limit.
    """
    found: dict[str, Held] = {}

    def note(name: str, member: tarfile.TarInfo, data: Iterator[bytes]) -> None:
        total = hashlib.sha256()
        for chunk in data:
            total.update(chunk)
        found[name] = Held(member.mode & 0o7777, total.hexdigest())

    links = await walk(engine, container, folder, max_bytes, note)
    found.update({name: found[target] for name, target in links.items() if target in found})
    return found


async def walk(
    engine: Engine,
    container: str,
    folder: str,
    max_bytes: int,
    take: Callable[[str, tarfile.TarInfo, Iterator[bytes]], None],
) -> dict[str, str]:
    """Give each regular file under a folder to a function: its path from the folder, what it is, its bytes.

    A symbolic link, also in place of the folder, a pipe or a device is none.

    Returns:
        Further names of the same files: path -> the path that was given.
    """

    def read() -> dict[str, str]:
        with engine.streamed(container, "archive", path=folder) as answer:
            about = _about(answer)
            if not int(about["mode"]) & _FOLDER:
                return {}
            pieces = answer.iter_content(_CHUNK_BYTES)
            return _walk(_Reader(pieces), str(about["name"]), max_bytes, take)

    try:
        links: dict[str, str] = await engine.run(read, limit_s=_LIMIT_S)
    except Missing:
        return {}
    return links


def _walk(reader: _Reader, top: str, max_bytes: int, take: Any) -> dict[str, str]:
    links: dict[str, str] = {}
    with tarfile.open(fileobj=cast("IO[bytes]", reader), mode="r|", bufsize=_CHUNK_BYTES) as archive:
        for member in archive:
            name = _below(member.name, top)
            if not name:
                continue
            if member.islnk():
                links[name] = _below(member.linkname, top)
            elif member.isreg():
                if member.size > max_bytes:
                    raise UsageError(f"{name!r} holds more bytes than {max_bytes}, which can be read")
                take(name, member, _chunks(archive.extractfile(member)))
    return links


def _below(name: str, top: str) -> str:
    """Take the folder's own name off a member's; "" for the folder itself."""
    name = name.removeprefix("./")
    if top in ("", "/", "."):
        return name.strip("/")
    return "" if name.rstrip("/") == top else name.removeprefix(f"{top}/")


def _chunks(file: Any) -> Iterator[bytes]:
    while chunk := file.read(_CHUNK_BYTES):
        yield chunk


class _Reader:
    """A stream of chunks as a file that is only read forward, up to a bound."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks, self._rest, self._total = iter(chunks), b"", 0

    def read(self, size: int) -> bytes:
        """Return the next bytes, as many as asked for unless it ends."""
        parts, missing = [], size
        while missing:
            if not self._rest:
                self._rest = next(self._chunks, b"")
                self._total += len(self._rest)
                if not self._rest:
                    break
                if self._total > _MAX_STREAM_BYTES:
                    raise UsageError(
                        f"a folder holds more than {_MAX_STREAM_BYTES} bytes: name a smaller one"
                    )
            part, self._rest = self._rest[:missing], self._rest[missing:]
            parts.append(part)
            missing -= len(part)
        return b"".join(parts)
