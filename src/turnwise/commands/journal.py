"""`turnwise journal`: list, show, verify, replay and compact recorded episodes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import TurnwiseError, UnknownName, UsageError
from ..shown import visible
from .options import JsonFlag, emit_json

if TYPE_CHECKING:
    import sqlite3

    from ..servers.isolation.catalogue import Catalogue
    from ..servers.sessions.journal.records import SessionRecord

_ACTIONS = ("list", "show", "verify", "replay", "compact")
_LIST = """
SELECT s.id, s.env_id, s.owner, s.parent, s.created, s.closed, COUNT(DISTINCT e.episode),
  (SELECT COUNT(*) FROM entries t WHERE t.session = s.id AND t.action IS NOT NULL),
  (SELECT ended FROM episodes l WHERE l.session = s.id ORDER BY episode DESC LIMIT 1)
FROM sessions s JOIN episodes e ON e.session = s.id GROUP BY s.id ORDER BY s.created, s.id
"""


def journal(
    file: Annotated[Path, typer.Argument(help="The journal of a server.")],
    action: Annotated[str, typer.Argument(help="list, show, verify, replay or compact.")] = "list",
    session: Annotated[str | None, typer.Argument(help="A session; needed by show and replay.")] = None,
    episode: Annotated[int | None, typer.Option(help="One episode; default: all.")] = None,
    data_root: Annotated[
        list[Path] | None,
        typer.Option("--data-root", metavar="PATH", help="Folder of files that arguments name."),
    ] = None,
    argument: Annotated[
        list[str] | None,
        typer.Option(
            "--argument", metavar="[ENV:]NAME=VALUE", help="As the server had it: fixed or bounded."
        ),
    ] = None,
    keep_days: Annotated[float, typer.Option(help="compact: keep sessions closed later than this.")] = 0.0,
    as_json: JsonFlag = False,
) -> None:
    """List, show, verify, replay or compact the recorded episodes of a server.

    Verify plays every recorded action again and compares each reply with the
    one that was sent; it names the first turn that differs and exits with 1.
    """
    if action not in _ACTIONS:
        raise UnknownName("action", action, _ACTIONS)
    if action in ("show", "replay") and session is None:
        raise UsageError(f"{action!r} needs a session: `turnwise journal FILE list` lists them")
    if action == "compact":
        _compact(file, keep_days)
        return
    from ..servers.sessions.journal.format import open_reader

    with closing(open_reader(file)) as db:
        if action == "list":
            _list(db, as_json)
        elif action == "show":
            emit_json([_document(record) for record in _records(db, session, episode)])
        elif action == "verify":
            _verify(db, session, episode, _catalogue(db, data_root, argument), as_json)
        else:
            _replay(db, session, episode, _catalogue(db, data_root, argument))


def _list(db: sqlite3.Connection, as_json: bool) -> None:
    names = ("id", "env_id", "owner", "parent", "created", "closed", "episodes", "turns", "ended")
    rows = [dict(zip(names, row, strict=True)) for row in db.execute(_LIST)]
    if as_json:
        emit_json(rows)
        return
    from rich.console import Console
    from rich.table import Table

    view = Table("session", "environment", "episodes", "turns", "state", "created (UTC)", box=None)
    for row in rows:
        state = "closed" if row["closed"] else row["ended"] or "open"
        created = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(row["created"]))
        view.add_row(row["id"], row["env_id"], str(row["episodes"]), str(row["turns"]), state, created)
    Console().print(view)


def _verify(
    db: sqlite3.Connection, session: str | None, episode: int | None, catalogue: Catalogue, as_json: bool
) -> None:
    from dataclasses import asdict

    from ..servers.sessions.journal.verify import verify

    verdicts = [verify(record, catalogue) for record in _records(db, session, episode)]
    wrong = [verdict for verdict in verdicts if verdict.differs_at is not None]
    if as_json:
        emit_json([asdict(verdict) for verdict in verdicts])
    else:
        for verdict in wrong:
            where = f"session {verdict.session}, episode {verdict.episode}, turn {verdict.differs_at}"
            typer.echo(visible(f"{where}: {verdict.reason}"))
        typer.echo(f"{len(verdicts) - len(wrong)} of {len(verdicts)} episodes replay exactly")
    if wrong:
        raise typer.Exit(1)


def _replay(db: sqlite3.Connection, session: str | None, episode: int | None, catalogue: Catalogue) -> None:
    from ..servers.sessions.journal.verify import replayed
    from ..servers.sessions.session import Diverged

    for record in _records(db, session, episode):
        typer.echo(f"episode {record.episode} of {record.env_id}, seed {record.seed}")
        try:
            for entry, reply in replayed(record, catalogue):
                if entry is not None:
                    typer.echo(f"\n> {visible(str(entry.action))}")
                typer.echo(visible(reply.observation))
                if reply.done:
                    typer.echo(f"[{reply.end}, reward {reply.reward:g}]\n")
        except Diverged as error:
            raise TurnwiseError(f"session {record.id}: {error}") from error


def _compact(file: Path, keep_days: float) -> None:
    from ..servers.sessions.journal.sqlite import SqliteJournal

    if not file.is_file():
        raise UsageError(f"there is no journal {str(file)!r}")
    store = SqliteJournal(file, keep_s=float("inf"))
    try:
        num = store.compact(time.time() - keep_days * 86_400)
        store.vacuum()
    finally:
        store.close()
    typer.echo(f"dropped {num} closed sessions; {file} has {file.stat().st_size} bytes")


def _records(db: sqlite3.Connection, session: str | None, episode: int | None) -> Iterator[SessionRecord]:
    from ..servers.sessions.journal.format import records_of

    if session is not None:
        known = [row[0] for row in db.execute("SELECT id FROM sessions")]
        if session not in known:
            raise UnknownName("session", session, known)
    where, values = "1", []
    for column, value in (("s.id", session), ("e.episode", episode)):
        if value is not None:
            where += f" AND {column} = ?"
            values.append(value)
    return records_of(db, where, values)


def _catalogue(db: sqlite3.Connection, roots: list[Path] | None, arguments: list[str] | None) -> Catalogue:
    from ..servers.isolation.arguments import parse_rules
    from ..servers.isolation.catalogue import Catalogue

    names = [row[0] for row in db.execute("SELECT DISTINCT env_id FROM sessions")]
    return Catalogue(names or None, data_roots=roots or [], arguments=parse_rules(arguments or []))


def _document(record: SessionRecord) -> dict[str, Any]:
    from ..servers.sessions.documents import entry_documents

    document = {name: getattr(record, name) for name in record.__slots__ if name not in ("log", "final")}
    return document | {"reset_digest": record.reset_digest.hex(), "entries": entry_documents(record.log)}
