"""Stored episodes, one after the other: of runs, evaluations, files of trajectories, and chats of others.

Nothing is held but the episode at hand and the part of a file that is being read.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from ...agents.rows import NEEDS_PYARROW
from ...agents.stored import StoredTrajectories
from ...agents.trajectories import MAX_LINE_BYTES, promised
from ...agents.types import Trajectory
from ...errors import UsageError
from ..sections import OfflineSection
from .chats import episode_of
from .store import Store

_PAGE = 500
_ROWS = 64  # of a parquet file, read at once
Say = Callable[[str], None]
_BROKEN = (OSError, EOFError, ValueError, RecursionError)


@dataclass(frozen=True, slots=True)
class Found:
    """An episode as it was found.

    Args:
        trajectory: the episode.
        where: its place, for errors.
        share: of its source that is read, 0 to 1.
        tools: functions that the agent could call in its model's own form, of a chat.
        chat: whether it was told as a chat, with prompts that stay as they are.
    """

    trajectory: Trajectory
    where: str
    share: float
    tools: tuple[dict[str, Any], ...] = ()
    chat: bool = False


def check_sources(section: OfflineSection, run: Path) -> None:
    """Refuse what is not there, where a run needs it.

    Args:
        section: [offline].
        run: the folder of the run; once it has its episodes, their sources are not needed.

    Raises:
        UsageError: naming what is missing.
    """
    if section.required and not section.trajectories:
        raise UsageError(
            "this recipe learns from stored episodes and plays none: name them with --from (from Python "
            "trajectories=...), e.g. a run, or an evaluation made with --out"
        )
    for place in () if Store.is_there(run) else section.trajectories:
        if not Path(place).exists():
            raise UsageError(
                f"offline.trajectories: {place}: there is no such file or folder; expected a run, an "
                "evaluation made with --out, a file of trajectories, or chats with rewards (.jsonl, .parquet)"
            )


def demonstrations_in(section: OfflineSection) -> list[Path]:
    """Return what a policy can be cloned from where none is named: all that is stored in our own form.

    Raises:
        UsageError: for chats, whose prompts are made already.
    """
    for place in map(Path, section.trajectories):
        if not (place.is_dir() or _is_ours(place)):
            raise UsageError(
                f"policy.checkpoint is empty, and no policy can be made from chats ({place}): name one, e.g. "
                "--set policy.checkpoint=demo, or make one (`turnwise warmstart`)"
            )
    return [Path(place) for place in section.trajectories]


def episodes_of(place: Path, say: Say) -> Iterator[Found]:
    """Yield the episodes of a place.

    Args:
        place: a folder, or a file.
        say: told what of a folder of ours is broken; the rest of it is there.

    Raises:
        UsageError: naming file, line and cause, if there are none, or one cannot be read.
    """
    if place.suffix == ".parquet":
        yield from _chats(place, _parquet_rows(place))
    elif place.is_dir() or _is_ours(place):
        yield from _ours(place, say)
    else:
        yield from _chats(place, _json_lines(place))


def _ours(place: Path, say: Say) -> Iterator[Found]:
    with StoredTrajectories(place) as stored:
        for problem in stored.problems:
            say(f"{place}: {problem.file}: {problem.cause}; the rest of it is learned from")
        first, total = 0, 1
        while first < total:
            page = stored.rows(first=first, limit=_PAGE)
            total = page.total
            for number, row in enumerate(page.rows, start=first + 1):
                where = f"{stored.folder / row.file}, at byte {row.offset}, line {row.line}"
                yield Found(stored.read(row), where, number / total)
            first += _PAGE


def _is_ours(place: Path) -> bool:
    """Tell whether a file begins as files of trajectories do."""
    try:
        with _opened(place) as file:
            promised(file.readline(MAX_LINE_BYTES))
    except _BROKEN:
        return False
    return True


def _chats(place: Path, documents: Iterator[tuple[Any, str, float]]) -> Iterator[Found]:
    """Yield the episodes of chats; one goes on from line to line."""
    held: Found | None = None
    for number, (document, where, share) in enumerate(documents, start=1):
        try:
            goes_on = isinstance(document, dict) and (document.get("turns") or [0])[0] != 0
            before = held.trajectory if held else None
            trajectory = episode_of(document, before, number)
            tools = _tools(document)
        except (ValueError, TypeError, LookupError, RecursionError) as error:
            raise UsageError(f"{place}, {where}: {error}") from error
        if held and not goes_on:
            yield held
        place_of = held.where if held and goes_on else f"{place}, {where}"
        held = Found(trajectory, place_of, share, tools, chat=True)
    if held:
        yield held


def _tools(document: dict[str, Any]) -> tuple[dict[str, Any], ...]:
    given = document.get("tools") or ()
    if not isinstance(given, list | tuple) or not all(isinstance(each, dict) for each in given):
        raise ValueError(f"tools is {given!r:.60}; expected a list of functions as chat APIs take them")
    return tuple(given)


def _json_lines(place: Path) -> Iterator[tuple[Any, str, float]]:
    size, number = max(1, place.stat().st_size), 0
    try:
        with _opened(place) as file:
            while line := file.readline(MAX_LINE_BYTES):
                number += 1
                if not line.strip():
                    continue
                if len(line) == MAX_LINE_BYTES:
                    raise ValueError(f"is longer than {MAX_LINE_BYTES} bytes")
                where = file.tell() if place.suffix != ".gz" else 0
                yield json.loads(line), f"line {number}", where / size
    except _BROKEN as error:
        raise UsageError(f"{place}, line {max(1, number)}: {error}") from error


def _opened(place: Path) -> gzip.GzipFile | BinaryIO:
    return gzip.open(place, "rb") if place.suffix == ".gz" else place.open("rb")


def _parquet_rows(place: Path) -> Iterator[tuple[Any, str, float]]:
    try:
        import pyarrow as arrow
        import pyarrow.parquet as parquet
    except ImportError as error:
        raise UsageError(NEEDS_PYARROW) from error
    number = 0
    try:
        with parquet.ParquetFile(place) as file:
            names, total = file.schema_arrow.names, max(1, file.metadata.num_rows)
            if "messages" not in names:
                raise ValueError(
                    f"has the columns {', '.join(names)}; expected one of messages. Rows of turns, as "
                    "`export --parquet` writes them, hold no prompts: give the run or the evaluation itself"
                )
            for batch in file.iter_batches(batch_size=_ROWS):
                for row in batch.to_pylist():
                    number += 1
                    yield _row(row), f"row {number}", number / total
    except (*_BROKEN, arrow.ArrowException) as error:
        raise UsageError(f"{place}, row {number}: {error}") from error


def _row(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row as the JSON of a chat: without what is null, messages decoded where they are text."""
    told = {name: value for name, value in row.items() if value is not None}
    if isinstance(told.get("messages"), str):
        told["messages"] = json.loads(told["messages"])
    if isinstance(told.get("messages"), list):
        told["messages"] = [
            {name: value for name, value in each.items() if value is not None}
            if isinstance(each, dict)
            else each
            for each in told["messages"]
        ]
    return told
