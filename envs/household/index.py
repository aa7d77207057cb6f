"""Index a folder of original game files: which are there, of which split, and which are broken.

The layout is the original's, `<split>/<task>/<trial>/game.tw-pddl`. Every file is
parsed once; what was found is kept in a cache file, so that thousands of games
open in well under a second the next time. A file whose time or size changed is
parsed again; one that is broken is left out, with the reason.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict, cast

from ...errors import UnknownName, UsageError
from ...files import write_whole
from .game import TaskType
from .loader import GameFileError, load_game

GAME_FILE = "game.tw-pddl"
SPLIT_NAMES = {
    "train": "train",
    "seen": "seen",
    "valid_seen": "seen",
    "eval_in_distribution": "seen",
    "unseen": "unseen",
    "valid_unseen": "unseen",
    "eval_out_of_distribution": "unseen",
    "test": "test",
}
"""Every accepted name of a split -> our name."""

_FORMAT = 2  # of the cache file; raised when the loader judges files otherwise
_MAX_FILES = 200_000
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class IndexedGame:
    """A game that can be played: path below the folder, split, task type."""

    path: str
    split: str  # our name, or "" where the layout tells none
    task_type: TaskType


@dataclass(frozen=True, slots=True)
class BrokenGame:
    """A file that was left out, and why."""

    path: str
    reason: str


class _Entry(TypedDict, total=False):
    """What the cache keeps of a file: its stamp, and its task type or what is wrong."""

    mtime_ns: int
    size_bytes: int
    task_type: TaskType
    reason: str


@dataclass(frozen=True, slots=True)
class GameIndex:
    """What a folder contains, both lists in the order of their paths."""

    folder: Path
    games: tuple[IndexedGame, ...]
    broken: tuple[BrokenGame, ...]

    def select(
        self, split: str | None = None, task_types: Collection[str] | None = None
    ) -> tuple[IndexedGame, ...]:
        """Return the games of a split and of some task types; None is all.

        Raises:
            UnknownName: if there is no split of that name.
            UsageError: if no game is left, with what the folder holds.
        """
        if split is not None and split not in SPLIT_NAMES:
            raise UnknownName("split", split, SPLIT_NAMES)
        wanted = SPLIT_NAMES[split] if split is not None else None
        chosen = tuple(
            game
            for game in self.games
            if (wanted is None or game.split == wanted)
            and (task_types is None or game.task_type in task_types)
        )
        if not chosen:
            counts = Counter(f"{game.split or 'no split'}/{game.task_type}" for game in self.games)
            held = ", ".join(f"{name}: {count}" for name, count in sorted(counts.items())) or "no game"
            if self.broken:
                held += (
                    f"; {len(self.broken)} broken, the first {self.broken[0].path}: {self.broken[0].reason}"
                )
            raise UsageError(
                f"{self.folder} has no game of split {split!r} and task types "
                f"{sorted(task_types) if task_types is not None else 'any'}; it holds {held}"
            )
        return chosen


def cache_folder() -> Path:
    """Return where indices are kept between runs: XDG_CACHE_HOME/turnwise or ~/.cache/turnwise."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "turnwise"


def open_index(folder: str | Path, *, cache: str | Path | None = None, strict: bool = True) -> GameIndex:
    """Index a folder, from the cache where files did not change.

    Args:
        folder: the folder that holds the splits, or games right away.
        cache: folder of the cache file; `cache_folder()` by default.
        strict: passed to `load_game`.

    Raises:
        UsageError: if the folder does not exist or holds no game file at all.
    """
    root = Path(folder).absolute()
    if not root.is_dir():
        raise UsageError(f"{folder}: no such folder; expected one with <split>/<task>/<trial>/{GAME_FILE}")
    key = hashlib.sha256(f"{root}\0{strict}".encode(errors="surrogateescape")).hexdigest()[:16]
    file = Path(cache or cache_folder()) / "household" / f"index-{key}.json"
    known = _read(file)
    entries = {path: _entry(root, path, stat, known, strict) for path, stat in sorted(_files(root))}
    if not entries:
        raise UsageError(f"{folder} holds no {GAME_FILE}; expected <split>/<task>/<trial>/{GAME_FILE}")
    if entries != known:
        _write(file, entries)
    return GameIndex(
        root,
        tuple(
            IndexedGame(path, _split(root, path), entry["task_type"])
            for path, entry in entries.items()
            if "task_type" in entry
        ),
        tuple(BrokenGame(path, entry["reason"]) for path, entry in entries.items() if "reason" in entry),
    )


def _files(root: Path) -> Iterator[tuple[str, os.stat_result]]:
    found = 0
    for folder, _, names in os.walk(root):
        if GAME_FILE not in names:
            continue
        found += 1
        if found > _MAX_FILES:
            raise UsageError(f"{root} holds more than {_MAX_FILES} game files; name a folder further down")
        file = Path(folder, GAME_FILE)
        yield file.relative_to(root).as_posix(), file.stat()


def _entry(root: Path, path: str, stat: os.stat_result, known: dict[str, _Entry], strict: bool) -> _Entry:
    before = known.get(path, {})
    if (before.get("mtime_ns"), before.get("size_bytes")) == (stat.st_mtime_ns, stat.st_size):
        return before
    stamp: _Entry = {"mtime_ns": stat.st_mtime_ns, "size_bytes": stat.st_size}
    if "Sliced" in path or "movable" in path:
        return {
            **stamp,
            "reason": "sliced or movable goals are left out of the benchmark, as in the original",
        }
    try:
        return {**stamp, "task_type": load_game(root / path, strict=strict).task_type}
    except GameFileError as error:
        where = ", ".join(filter(None, (error.part, f"line {error.line}" if error.line else "")))
        return {**stamp, "reason": f"{where}: {error.reason}" if where else error.reason}


def _split(root: Path, path: str) -> str:
    for part in (*path.split("/")[:-1], root.name):
        if part in SPLIT_NAMES:
            return SPLIT_NAMES[part]
    return ""


def _read(file: Path) -> dict[str, _Entry]:
    try:
        document = json.loads(file.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        _LOG.warning("the index %s cannot be read and is made again: %s", file, error)
        return {}
    entries = document.get("files") if isinstance(document, dict) else None
    if not isinstance(entries, dict) or document.get("format") != _FORMAT:
        return {}
    return {path: cast(_Entry, entry) for path, entry in entries.items() if isinstance(entry, dict)}


def _write(file: Path, entries: dict[str, _Entry]) -> None:
    try:
        write_whole(file, json.dumps({"format": _FORMAT, "files": entries}).encode())
    except OSError as error:
        _LOG.warning("the index %s cannot be written; files are parsed again next time: %s", file, error)
