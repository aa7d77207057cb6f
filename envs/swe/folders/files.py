"""The files of a task folder: what is read of them, bounded, and what a Dockerfile would copy."""

from __future__ import annotations

import os
import shlex
import stat
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from .reading import FolderError

MAX_TREE_BYTES = 1 << 28
MAX_TREE_FILES = 20_000


class Recipe(NamedTuple):
    """What can be done of a Dockerfile without an engine: its copies, variables and working folder."""

    workdir: str
    files: dict[str, bytes]  # absolute path -> bytes
    env: dict[str, str]
    skipped: list[str]  # instructions that were not followed


def read_tree(folder: Path) -> dict[str, bytes]:
    """Return the regular files under a folder, path from it -> bytes; {} if there is no such folder.

    Raises:
        FolderError: if there are too many, they are too long, or a link leads out of the folder.
    """
    files: dict[str, bytes] = {}
    size = 0
    for path in _walk(folder):
        if path.is_symlink() and not path.resolve().is_relative_to(folder.resolve()):
            raise FolderError(f"{path}: a link that leads out of the task folder")
        data = _bytes_of(path)
        size += len(data)
        if size > MAX_TREE_BYTES or len(files) >= MAX_TREE_FILES:
            raise FolderError(f"{folder}: more than {MAX_TREE_BYTES} bytes or {MAX_TREE_FILES} files")
        files[path.relative_to(folder).as_posix()] = data
    return files


def _bytes_of(file: Path) -> bytes:
    """Return the bytes of a regular file that is not too long."""
    try:
        status = file.stat()
        if not stat.S_ISREG(status.st_mode):
            raise FolderError(f"{file}: expected a regular file")
        if status.st_size > MAX_TREE_BYTES:
            raise FolderError(f"{file}: {status.st_size} bytes; at most {MAX_TREE_BYTES} are read")
        return file.read_bytes()
    except OSError as error:
        raise FolderError(f"{file}: cannot be read: {error.strerror}") from error


def read_instruction(file: Path) -> str:
    """Return what an agent is asked to do.

    Raises:
        FolderError: if it is missing, empty, or not UTF-8.
    """
    try:
        text = _bytes_of(file).decode() if file.exists() else ""
    except UnicodeDecodeError as error:
        raise FolderError(f"{file}: cannot be read: {error}") from error
    if not text.strip():
        raise FolderError(f"{file}: missing or empty; expected what the agent is asked to do")
    return text


def workdir_of(dockerfile: Path) -> str | None:
    """Return the last WORKDIR of a Dockerfile, None if it says none."""
    found = None
    for word, rest in _instructions(dockerfile):
        if word == "WORKDIR":
            found = _joined(found or "/", rest)
    return found


def follow(folder: Path) -> Recipe:
    """Follow the Dockerfile of a build context as far as that goes without running anything.

    Raises:
        FolderError: as `read_tree` does, or for a source that is not there.
    """
    workdir, files, skipped = "/", dict[str, bytes](), list[str]()
    env: dict[str, str] = {}
    for word, rest in _instructions(folder / "Dockerfile"):
        if word == "WORKDIR":
            workdir = _joined(workdir, rest)
        elif word in ("COPY", "ADD") and not rest.startswith("--from"):
            files |= _copied(folder, workdir, [part for part in _words(rest) if not part.startswith("--")])
        elif word == "ENV" and "=" in rest:
            env.update(part.partition("=")[::2] for part in _words(rest) if "=" in part)
        elif word not in ("FROM", "LABEL", "CMD", "ENTRYPOINT", "EXPOSE"):
            skipped.append(f"{word} {rest}"[:200])
    return Recipe(workdir, files, env, skipped)


def _walk(folder: Path) -> Iterator[Path]:
    def refuse(error: OSError) -> None:
        raise FolderError(f"{error.filename}: cannot be read: {error.strerror}") from error

    for place, folders, names in os.walk(folder, onerror=refuse if folder.exists() else None):
        folders.sort()
        for name in sorted(names):
            path = Path(place, name)
            if path.is_file():
                yield path


def _instructions(dockerfile: Path) -> Iterator[tuple[str, str]]:
    if not dockerfile.is_file():
        return
    joined = _bytes_of(dockerfile).decode(errors="replace").replace("\\\n", " ")
    for line in joined.split("\n"):
        word, _, rest = line.strip().partition(" ")
        if word and not word.startswith("#"):
            yield word.upper(), rest.strip()


def _copied(folder: Path, workdir: str, words: list[str]) -> dict[str, bytes]:
    if len(words) < 2:
        raise FolderError(f"{folder / 'Dockerfile'}: COPY {' '.join(words)}: expected sources and a target")
    *sources, target = words
    into = target.endswith("/") or target in (".", "./") or len(sources) > 1
    files: dict[str, bytes] = {}
    for source in sources:
        place = folder / source.lstrip("/")
        if not place.exists() or not place.resolve().is_relative_to(folder.resolve()):
            raise FolderError(f"{folder / 'Dockerfile'}: COPY {source}: there is no such file in {folder}")
        if place.is_dir():
            tree = read_tree(place)
            files |= {_joined(_joined(workdir, target), path): data for path, data in tree.items()}
        else:
            end = f"{target}/{place.name}" if into else target
            files[_joined(workdir, end)] = _bytes_of(place)
    return files


def _joined(folder: str, path: str) -> str:
    return os.path.normpath(PurePosixPath(folder) / path)


def _words(rest: str) -> list[str]:
    try:
        return shlex.split(rest)
    except ValueError:
        return rest.split()
