"""A file that is damaged, of another format, of another program, or in use is told apart and refused."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from pathlib import Path

import httpx
import pytest

from turnwise.errors import UsageError
from turnwise.servers.client import SessionClient
from turnwise.servers.client.transports.local import LocalTransport
from turnwise.servers.protocol.types import CreateItem, StepItem
from turnwise.servers.sessions.journal.format import open_reader
from turnwise.servers.sessions.journal.records import JournalError
from turnwise.servers.sessions.journal.sqlite import SqliteJournal


def written_and_killed(make_service, world, file: Path) -> tuple[str, bytes, bytes]:
    """Play four turns and return what a killed server leaves behind: the id, the file and its log."""

    async def run() -> tuple[str, bytes, bytes]:
        client = SessionClient(LocalTransport(service := make_service(journal=SqliteJournal(file))))
        (row,) = await client.create([CreateItem(world("Counter"))], request_id="a")
        for turn in range(4):
            await client.step([StepItem(row.id, 0, turn, "go")])
        left = file.read_bytes(), file.with_name(file.name + "-wal").read_bytes()
        await service.aclose()
        return row.id, *left

    return asyncio.run(run())


def test_damage_to_the_log_is_counted_and_said(make_service, world, tmp_path, caplog):
    caplog.set_level("INFO")
    id, database, wal = written_and_killed(make_service, world, tmp_path / "first.db")
    frame = 24 + int.from_bytes(database[16:18], "big")
    num_frames = (len(wal) - 32) // frame

    def start(name: str, log: bytes) -> tuple[int, int | None]:
        """Return how many commits are lost, and at which turn the session stands."""
        caplog.clear()
        (tmp_path / name).write_bytes(database)
        (tmp_path / f"{name}-wal").write_bytes(log)
        service = make_service(journal=SqliteJournal(tmp_path / name))
        record = service.sessions[id].record if id in service.sessions else None
        service.journal.close()
        assert ("cannot be read" in caplog.text) == (service.journal.num_lost > 0)
        assert f"journal_commits_lost_total {service.journal.num_lost}" in service.metrics.render({})
        return service.journal.num_lost, None if record is None else len(record.log)

    whole = start("whole.db", wal)
    assert whole == (0, 4)
    assert "took over 1 sessions in episodes of 4 turns" in caplog.text
    assert start("torn.db", wal[: -frame // 2])[0] == 0, "the end of a log may be half written"
    for number in range(num_frames):
        place = 32 + number * frame + 24 + 100
        damaged = bytearray(wal)
        damaged[place] ^= 1
        num_lost, turns = start(f"page {number}.db", bytes(damaged))
        assert num_lost >= 1
        assert turns is None or turns <= 4
    damaged = bytearray(wal)
    damaged[17] ^= 1  # a salt in the header
    assert start("header.db", bytes(damaged)) == (5, None), "a creation and four steps"


def test_a_file_that_is_damaged_is_refused(tmp_path):
    SqliteJournal(file := tmp_path / "journal.db").close()
    damaged = bytearray(file.read_bytes())
    damaged[4096:4200] = b"x" * 104
    file.write_bytes(damaged)
    with pytest.raises(JournalError, match=r"damaged|malformed"):
        SqliteJournal(file)


def test_other_names_of_a_journal_are_in_use_too(tmp_path):
    used = SqliteJournal(file := tmp_path / "used.db")
    (tmp_path / "link.db").symlink_to(file)
    (tmp_path / "hard.db").hardlink_to(file)
    (tmp_path / "folder").symlink_to(tmp_path)
    for name in ("used.db", "link.db", "hard.db", "folder/used.db"):
        with pytest.raises(UsageError, match="in use by another server"):
            SqliteJournal(tmp_path / name)
    used.close()
    SqliteJournal(tmp_path / "link.db").close()
    assert not list(tmp_path.glob("link.db-*"))


def test_health_tells_that_the_journal_is_gone(make_service, talk, tmp_path):
    journal = SqliteJournal(file := tmp_path / "journal.db")

    async def conversation(http: httpx.AsyncClient) -> None:
        assert (await http.get("/health")).status_code == 200
        file.rename(tmp_path / "away.db")
        gone = await http.get("/health")
        assert (gone.status_code, gone.json()["status"]) == (503, "failing")
        assert "deleted or moved away" in gone.json()["detail"]
        with pytest.raises(JournalError, match="deleted or moved away"):
            await journal.tidy()
        file.touch()
        assert (await http.get("/health")).status_code == 503, "another file is not the journal"
        (tmp_path / "away.db").replace(file)
        assert (await http.get("/health")).status_code == 200

    talk(make_service(journal=journal), conversation)


def test_foreign_files_are_refused(tmp_path):
    foreign = tmp_path / "foreign.db"
    with sqlite3.connect(foreign) as db:
        db.execute("CREATE TABLE t (x)")
    db.close()
    text = tmp_path / "text"
    text.write_text("no database at all, but long enough to be read as one" * 20)
    later = tmp_path / "later.db"
    SqliteJournal(later).close()
    with sqlite3.connect(later) as db:
        db.execute("UPDATE meta SET value = '2' WHERE key = 'format'")
    db.close()
    for file, reason in [
        (foreign, "not a journal of turnwise"),
        (text, "not a database"),
        (later, "has format 2, this turnwise reads 1"),
    ]:
        with pytest.raises(JournalError, match=reason):
            SqliteJournal(file)
        with pytest.raises(JournalError, match=reason):
            open_reader(file)
    with pytest.raises(UsageError, match="there is no folder"):
        SqliteJournal(tmp_path / "none" / "journal.db")
    used = SqliteJournal(tmp_path / "used.db")
    with pytest.raises(UsageError, match="in use by another server"):
        SqliteJournal(tmp_path / "used.db")
    timer = threading.Timer(0.2, used.close)
    timer.start()
    SqliteJournal(tmp_path / "used.db", wait_s=20.0).close()
    timer.join()
