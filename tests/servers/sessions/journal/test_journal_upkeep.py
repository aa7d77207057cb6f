"""What a journal does while the server runs: old things go, and its log stays short.

A checkpoint that fails stops nothing.
"""

from __future__ import annotations

import asyncio
import sqlite3

from turnwise.servers.client import SessionClient
from turnwise.servers.client.transports.local import LocalTransport
from turnwise.servers.protocol.limits import Limits
from turnwise.servers.protocol.types import CreateItem, StepItem
from turnwise.servers.sessions import leases
from turnwise.servers.sessions.journal import sqlite as journal_file
from turnwise.servers.sessions.journal.format import open_reader, records_of
from turnwise.servers.sessions.journal.sqlite import SqliteJournal


def test_what_is_old_goes_while_the_server_runs(make_service, world, tmp_path, monkeypatch):
    monkeypatch.setattr(journal_file, "_TIDY_S", 0.0)
    monkeypatch.setattr(journal_file, "_MAX_DROPPED", 2)
    journal = SqliteJournal(tmp_path / "journal.db", keep_s=0.0)

    async def run() -> None:
        client = SessionClient(LocalTransport(service := make_service(journal=journal)))
        rows = await client.create([CreateItem(world("Counter"), count=6)], request_id="a")
        await client.step([StepItem(row.id, 0, 0, "go") for row in rows])
        await client.close([row.id for row in rows[:5]])
        await journal.tidy()
        for table, column in (("sessions", "id"), ("episodes", "session"), ("entries", "session")):
            assert journal._db.execute(f"SELECT DISTINCT {column} FROM {table}").fetchall() == [(rows[5].id,)]
        (reply,) = await client.step([StepItem(rows[5].id, 0, 1, "go")])
        assert reply.turn == 2
        await service.aclose()

    asyncio.run(run())


def test_a_journal_keeps_the_answers_that_its_server_keeps(make_service, world, tmp_path):
    limits = Limits(max_requests=2)

    async def run(names: str) -> None:
        journal = SqliteJournal(tmp_path / "journal.db")
        service = make_service(journal=journal, limits=limits)
        client = SessionClient(LocalTransport(service))
        for name in names:
            await client.create([CreateItem(world("Counter"))], request_id=name)
        assert [name for _, name, *_ in journal.answers()] == list(names[-2:])
        await service.aclose()

    asyncio.run(run("abcd"))
    asyncio.run(run("cd"))


def test_the_write_ahead_log_stays_short_though_it_is_written_all_the_while(tmp_path, monkeypatch):
    monkeypatch.setattr(journal_file, "_MAX_LOG_PAGES", 10)
    journal = SqliteJournal(tmp_path / "journal.db")
    sizes = []

    def write(num: int) -> None:
        for _ in range(num):
            journal._write([(journal_file._ENTRY, ("s", 0, "x" * 4000, bytes(16), None))])

    for _ in range(10):
        with open_reader(tmp_path / "journal.db") as db:
            db.execute("BEGIN")
            db.execute("SELECT COUNT(*) FROM entries").fetchone()
            write(20)  # a checkpoint that begins now cannot reach the end of the log
            journal.checkpoint()
        db.close()
        write(1)
        sizes.append((tmp_path / "journal.db-wal").stat().st_size)
    journal.close()
    assert sizes[-1] == sizes[1]


def test_a_long_log_is_moved_before_the_next_reaping(make_service, monkeypatch, tmp_path):
    monkeypatch.setattr(journal_file, "_MAX_COMMITS", 5)
    monkeypatch.setattr(leases, "_LOOK_S", 0.01)
    journal = SqliteJournal(tmp_path / "journal.db")
    service = make_service(journal=journal)

    async def run() -> None:
        reaper = asyncio.create_task(leases.keep_reaping(service))
        for _ in range(6):
            assert not journal.is_long
            journal._write([(journal_file._ENTRY, ("s", 0, "go", bytes(16), None))])
        assert journal.is_long
        while journal.is_long:
            await asyncio.sleep(0.01)
        reaper.cancel()

    asyncio.run(asyncio.wait_for(run(), 20))  # the next reaping would come after 30 s
    journal.close()


def test_a_failed_checkpoint_does_not_end_reaping(make_service, world, monkeypatch, caplog, tmp_path):
    monkeypatch.setattr(leases, "_MAX_PERIOD_S", 0.01)
    journal = SqliteJournal(tmp_path / "journal.db")
    service = make_service(journal=journal, limits=Limits(ttl_s=0.2))

    async def run() -> None:
        await SessionClient(LocalTransport(service)).create([CreateItem(world("Counter"))], request_id="a")
        (tmp_path / "away").mkdir()
        monkeypatch.setattr(journal, "file", tmp_path / "away")  # a folder is no database
        reaper = asyncio.create_task(leases.keep_reaping(service))
        while service.sessions:
            await asyncio.sleep(0.01)
        assert not reaper.done()
        reaper.cancel()
        await asyncio.wait([reaper])
        await service.aclose()

    asyncio.run(run())
    assert "the journal was not tidied: journal" in caplog.text


def test_old_closed_sessions_are_dropped(make_service, world, tmp_path, recorded):
    file = tmp_path / "journal.db"
    closed = recorded(make_service, world("Counter"), file)
    with sqlite3.connect(file) as db:
        db.execute("UPDATE sessions SET closed = 1000")
    db.close()
    SqliteJournal(file, keep_s=1e12).close()
    with open_reader(file) as db:
        assert [record.id for record in records_of(db, "1")] == [closed]
    db.close()
    SqliteJournal(file, keep_s=1e6).close()
    with open_reader(file) as db:
        assert list(records_of(db, "1")) == []
        assert db.execute("SELECT COUNT(*) FROM entries").fetchone() == (0,)
    db.close()
