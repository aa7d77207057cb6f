"""Sessions outlive their server, or say at which turn they cannot.

1. After SIGKILL in the middle of 500 live episodes all continue; every reply equals the
   uninterrupted run; a step that was answered before the kill is answered with the same bytes.
2. One altered hash is refused with the first turn that differs; so is a changed environment.
3. Nothing is answered before it is written: with a full disk the reply is withheld, and the
   same request is answered once when there is room again.
4. create and fork are done once across a restart.
5. Requests that wait together share a commit.
6. A file of another format, another program, or in use is refused.
7. The write-ahead log stays short while it is written, and a checkpoint that fails stops nothing.
8. The command lists, shows, verifies, replays and compacts.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import threading
from functools import partial
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from turnwise.__main__ import app as command_line
from turnwise.envs.registry import load_class
from turnwise.errors import UsageError
from turnwise.servers.client import ServerProcess, SessionClient, connect
from turnwise.servers.client.transports.local import LocalTransport
from turnwise.servers.protocol.limits import Limits
from turnwise.servers.protocol.types import CreateItem, ForkItem, ResetItem, StepItem
from turnwise.servers.sessions import leases
from turnwise.servers.sessions.journal import sqlite as journal_file
from turnwise.servers.sessions.journal.format import open_reader, records_of
from turnwise.servers.sessions.journal.records import JournalError
from turnwise.servers.sessions.journal.sqlite import SqliteJournal


def test_500_episodes_survive_sigkill(world, tmp_path):
    arguments = ["--env", world("Counter"), "--journal", str(tmp_path / "journal.db")]
    num, length = 500, 6
    with ServerProcess(arguments) as server:

        async def play() -> tuple[list, bytes, bytes]:
            client = connect(server.url)
            item = CreateItem(world("Counter"), {"length": length}, seed=0, count=num)
            rows = await client.create([item], request_id="all")
            ids, seen = [row.id for row in rows], [[row.observation] for row in rows]
            before = after = b""
            for turn in range(length):
                steps = [StepItem(id, 0, turn, f"go {i}") for i, id in enumerate(ids)]
                replies = await client.step(steps)
                for place, reply in enumerate(replies):
                    seen[place].append(reply.observation)
                if turn == 2:
                    body = {"episode": 0, "turn": 2, "action": "go 7"}
                    path = f"{server.url}/v1/sessions/{ids[7]}/step"
                    before = httpx.post(path, json=body).content
                    server.kill()
                    server.start()
                    path = f"{server.url}/v1/sessions/{ids[7]}/step"
                    after = httpx.post(path, json=body).content
                    await client.aclose()
                    client = connect(server.url)
                    assert [row.id for row in await client.create([item], request_id="all")] == ids
            await client.aclose()
            return seen, before, after

        seen, before, after = asyncio.run(play())
    assert before == after
    assert seen == asyncio.run(uninterrupted(world("Counter"), num, length))


async def uninterrupted(env_id: str, num: int, length: int) -> list:
    client = connect("local:")
    rows = await client.create([CreateItem(env_id, {"length": length}, seed=0, count=num)], request_id="all")
    seen = [[row.observation] for row in rows]
    for turn in range(length):
        replies = await client.step([StepItem(row.id, 0, turn, f"go {i}") for i, row in enumerate(rows)])
        for place, reply in enumerate(replies):
            seen[place].append(reply.observation)
    await client.aclose()
    return seen


def test_a_restart_keeps_everything(make_service, world, tmp_path):
    file = tmp_path / "journal.db"

    async def first() -> list:
        client = SessionClient(LocalTransport(service := make_service(journal=SqliteJournal(file))))
        (one, two, three) = await client.create(
            [CreateItem(world(name), seed=2) for name in ("Counter", "Fragile", "Counter")], request_id="a"
        )
        await client.step([StepItem(one.id, 0, 0, "go")])
        children = await client.fork([ForkItem(one.id, 2, reseed=9)], request_id="b")
        more = await client.step([StepItem(child.id, 0, 1, "go") for child in children])
        crashed = await client.step([StepItem(two.id, 0, 0, "raise")])
        moved = await client.reset([ResetItem(one.id, 1, seed=5, options={"expert": True})])
        await client.close([three.id])
        await service.commit()
        service.journal._db.close()  # as if the process had died here
        import os

        os.close(service.journal._lock)
        return [one, two, three, *more, *crashed, *moved]

    async def second(rows: list) -> None:
        one, two, three, child1, child2, crashed, moved = rows
        client = SessionClient(LocalTransport(service := make_service(journal=SqliteJournal(file))))
        assert sorted(service.sessions) == sorted([one.id, two.id, child1.id, child2.id])
        again = await client.step(
            [
                StepItem(child1.id, 0, 1, "go"),
                StepItem(child2.id, 0, 1, "go"),
                StepItem(two.id, 0, 0, "raise"),
                StepItem(one.id, 1, 0, "go"),
            ]
        )
        assert again[:3] == [child1, child2, crashed]
        assert child1.observation != child2.observation
        assert (await client.reset([ResetItem(one.id, 1, seed=5, options={"expert": True})])) == [moved]
        assert again[3].turn == 1
        (gone,) = await client.step([StepItem(three.id, 0, 0, "go")])
        assert gone.code == "unknown_session"
        (fresh,) = await client.reset([ResetItem(two.id, 1)])
        assert fresh.end is None
        forked = await client.fork([ForkItem(one.id, 2, reseed=9)], request_id="c")
        assert {row.turn for row in forked} == {1}
        await service.aclose()

    asyncio.run(second(asyncio.run(first())))


def recorded(make_service, env_id: str, file: Path, **kwargs) -> str:
    """Record four turns of one session and return its id."""

    async def run() -> str:
        client = SessionClient(LocalTransport(service := make_service(journal=SqliteJournal(file))))
        (row,) = await client.create([CreateItem(env_id, kwargs)], request_id="a")
        for turn in range(4):
            await client.step([StepItem(row.id, 0, turn, "go")])
        await service.aclose()
        return row.id

    return asyncio.run(run())


def continued(make_service, id: str, file: Path) -> list:
    async def run() -> list:
        client = SessionClient(LocalTransport(service := make_service(journal=SqliteJournal(file))))
        rows = await client.step([StepItem(id, 0, 4, "go"), StepItem(id, 0, 4, "go")])
        await service.aclose()
        return rows

    return asyncio.run(run())


def test_calls_that_arrive_during_a_replay_wait_for_its_end(make_service, world, tmp_path):
    file = tmp_path / "journal.db"
    env_id = world("Sleepy")

    async def record() -> tuple[str, list]:
        client = SessionClient(
            LocalTransport(service := make_service({"*": "thread"}, journal=SqliteJournal(file)))
        )
        (row,) = await client.create([CreateItem(env_id)], request_id="a")
        rows = [(await client.step([StepItem(row.id, 0, turn, "sleep 0.05")]))[0] for turn in range(4)]
        await service.aclose()
        return row.id, rows

    async def come_back(id: str, rows: list) -> None:
        client = SessionClient(
            LocalTransport(service := make_service({"*": "thread"}, journal=SqliteJournal(file)))
        )
        tasks = []
        for _ in range(12):
            tasks.append(asyncio.create_task(client.step([StepItem(id, 0, 3, "sleep 0.05")])))
            tasks.append(asyncio.create_task(client.step([StepItem(id, 0, 1, "sleep 0.05")])))
            await asyncio.sleep(0.02)
        for place, task in enumerate(tasks):
            (answer,) = await task
            if place % 2 == 0:
                assert answer == rows[3]
            else:
                assert answer.expected == {"episode": 0, "turn": 4, "reset": 1}
        await service.aclose()

    asyncio.run(come_back(*asyncio.run(record())))


def test_one_altered_hash_is_refused_with_its_turn(make_service, world, tmp_path):
    file = tmp_path / "journal.db"
    id = recorded(make_service, world("Counter"), file)
    with sqlite3.connect(file) as db:
        db.execute("UPDATE entries SET digest = zeroblob(16) WHERE number = 3")
    db.close()
    for row in continued(make_service, id, file):
        assert (row.status, row.code, row.expected) == (409, "replay_diverged", {"episode": 0, "turn": 3})
    with sqlite3.connect(file) as db:
        db.execute("UPDATE episodes SET reset_digest = zeroblob(16)")
    db.close()
    assert continued(make_service, id, file)[0].expected == {"episode": 0, "turn": 0}


def test_a_changed_environment_is_refused(make_service, world, tmp_path):
    file, drift = tmp_path / "journal.db", tmp_path / "drift"
    drift.write_text("a")
    roots = {"roots": (tmp_path,)}
    id = recorded(lambda **more: make_service(**roots, **more), world("Drifting"), file, drift="./drift")
    drift.write_text("b")
    row = continued(lambda **more: make_service(**roots, **more), id, file)[0]
    assert (row.code, row.expected["turn"]) == ("replay_diverged", 3)
    with sqlite3.connect(file) as db:
        db.execute("UPDATE sessions SET fingerprint = 'older'")
    db.close()
    row = continued(lambda **more: make_service(**roots, **more), id, file)[0]
    assert "fingerprint was older, now it is" in row.detail


@pytest.mark.parametrize("isolation", ["inline", "process"])
@pytest.mark.parametrize(("kind", "argument"), [("Counter", "data"), ("Drifting", "drift")])
def test_a_file_that_is_missing_for_now(make_service, world, tmp_path, isolation, kind, argument):
    def make(**more):
        return make_service({world(kind): isolation}, roots=(tmp_path,), **more)

    (file := tmp_path / "data.txt").write_text("a")
    id = recorded(make, world(kind), tmp_path / "journal.db", **{argument: "data.txt"})

    async def run() -> None:
        service = make(journal=SqliteJournal(tmp_path / "journal.db"))
        client = SessionClient(LocalTransport(service))
        file.rename(tmp_path / "away")
        for _ in range(2):
            answer = await client.transport.call("GET", f"/v1/sessions/{id}", None, {})
            assert (answer.status, json.loads(answer.body)["code"]) == (503, "rebuild_failed")
        (tmp_path / "away").rename(file)
        (row,) = await client.step([StepItem(id, 0, 4, "go")])
        assert row.turn == 5
        await service.aclose()

    asyncio.run(run())


def test_a_file_that_goes_while_it_is_used_is_missing_for_now(make_service, world, tmp_path, monkeypatch):
    """The argument was resolved, then the file went: the environment itself finds out."""
    (file := tmp_path / "data.txt").write_text("a")
    make = partial(make_service, roots=(tmp_path,))
    id = recorded(make, world("Drifting"), tmp_path / "journal.db", drift="data.txt")

    async def run() -> None:
        service = make(journal=SqliteJournal(tmp_path / "journal.db"))
        client = SessionClient(LocalTransport(service))
        monkeypatch.setattr(service.catalogue, "admit", lambda _, kwargs: {"drift": str(file)})
        file.rename(tmp_path / "away")
        answer = await client.transport.call("GET", f"/v1/sessions/{id}", None, {})
        assert answer.status == 503
        assert "FileNotFoundError" in json.loads(answer.body)["detail"]
        (tmp_path / "away").rename(file)
        (row,) = await client.step([StepItem(id, 0, 4, "go")])
        assert row.turn == 5
        await service.aclose()

    asyncio.run(run())


@pytest.mark.parametrize("synchronous", ["NORMAL", "FULL"])
def test_a_full_disk_withholds_the_reply(make_service, talk, world, tmp_path, synchronous):
    journal = SqliteJournal(tmp_path / "journal.db", synchronous=synchronous)

    def room(pages: int) -> None:
        journal._db.execute(f"PRAGMA max_page_count={pages}")

    async def conversation(http: httpx.AsyncClient) -> None:
        created = await http.post("/v1/sessions", json={"env_id": world("Counter"), "kwargs": {"length": 99}})
        path = f"/v1/sessions/{created.json()['sessions'][0]['id']}/step"
        room(1)
        for turn in range(99):
            body = {"episode": 0, "turn": turn, "action": "x" * 3000}
            answer = await http.post(path, json=body)
            if answer.status_code != 200:
                break
        assert (answer.status_code, answer.json()["code"]) == (503, "journal_unavailable")
        assert (await http.post(path, json=body)).status_code == 503
        assert (await http.post("/v1/sessions", json={"env_id": world("Counter")})).status_code == 503
        room(1 << 20)
        assert (await http.post(path, json=body)).json()["turn"] == turn + 1
        with open_reader(tmp_path / "journal.db") as db:
            assert db.execute("SELECT COUNT(*) FROM entries").fetchone() == (turn + 1,)
        db.close()

    talk(make_service(journal=journal), conversation)


def test_what_a_full_disk_refuses_is_done_once_or_not_at_all(make_service, talk, world, tmp_path):
    journal = SqliteJournal(tmp_path / "journal.db")

    def room(pages: int) -> None:
        journal._db.execute(f"PRAGMA max_page_count={pages}")

    async def conversation(http: httpx.AsyncClient) -> None:
        async def turns() -> list[int]:
            return sorted(row["turn"] for row in (await http.get("/v1/sessions")).json()["sessions"])

        create = {"env_id": world("Counter"), "count": 2, "request_id": "a"}
        made = (await http.post("/v1/sessions", json=create)).json()["sessions"]
        one, other = (f"/v1/sessions/{row['id']}" for row in made)
        room(1)
        many = {**create, "count": 300, "request_id": "b"}
        assert (await http.post("/v1/sessions", json=many)).json()["code"] == "journal_unavailable"
        step = {"episode": 0, "turn": 0, "action": "go"}
        for path in (one, other):
            assert (await http.post(f"{path}/step", json=step)).status_code == 503
            assert (await http.post(f"{path}/reset", json={"episode": 1})).status_code == 503
        assert (await turns()) == [0] * 302, "nothing is played that cannot be told"
        room(1 << 20)
        answer = (await http.post("/v1/sessions", json=many)).json()["sessions"]
        assert len(await turns()) == 302, "done once"
        assert len({row["id"] for row in answer}) == 300
        assert (await http.post(f"{one}/step", json={**step, "action": "stop"})).json()["turn"] == 1
        room(1)
        unnamed = {"env_id": world("Counter"), "count": 300}
        assert (await http.post("/v1/sessions", json=unnamed)).json()["code"] == "journal_unavailable"
        assert len(await turns()) == 302, "nobody knows their ids"
        room(1 << 20)
        assert (await http.post(f"{other}/step", json=step)).json()["turn"] == 1

    talk(make_service(journal=journal), conversation)


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
        assert f"journal_commits_lost_total {service.journal.num_lost}" in service.metrics.render(0)
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


def test_requests_that_wait_together_share_a_commit(make_service, talk, world, tmp_path, monkeypatch):
    journal = SqliteJournal(tmp_path / "journal.db")
    commits = []
    write = journal._write
    monkeypatch.setattr(journal, "_write", lambda rows: (commits.append(len(rows)), write(rows)))

    async def conversation(http: httpx.AsyncClient) -> None:
        created = await http.post("/v1/sessions", json={"env_id": world("Counter"), "count": 8})
        ids = [row["id"] for row in created.json()["sessions"]]
        commits.clear()
        body = {"episode": 0, "turn": 0, "action": "go"}
        await asyncio.gather(*[http.post(f"/v1/sessions/{id}/step", json=body) for id in ids])
        assert sum(commits) == 8
        assert len(commits) < 8
        commits.clear()
        await http.post("/v1/step", json={"items": [{"id": id, **body, "turn": 1} for id in ids]})
        assert commits == [8]

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
        (foreign, "no turnwise journal"),
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


def test_a_request_is_recorded_whole_or_not_at_all(make_service, world, tmp_path):
    """While sessions of one request are made others commit; killed then, the server leaves none of them."""
    file = tmp_path / "journal.db"
    gate = load_class(world("Gated")).gate
    gate.clear()
    service = make_service({world("Gated"): "thread"}, journal=SqliteJournal(file))

    def recorded_ids() -> set[str]:
        with open_reader(file) as db:
            ids = {row[0] for row in db.execute("SELECT id FROM sessions")}
        db.close()
        return ids

    async def run() -> None:
        client = SessionClient(LocalTransport(service))
        (root,) = await client.create([CreateItem(world("Gated"))], request_id="root")
        held = [CreateItem(world("Counter")), CreateItem(world("Gated"), options={"hold": True})]
        creating = asyncio.create_task(client.create(held, request_id="a"))
        await asyncio.sleep(0.1)
        (other,) = await client.create([CreateItem(world("Counter"))], request_id="other")
        await client.step([StepItem(other.id, 0, 0, "go")])
        assert not creating.done()
        assert recorded_ids() == {root.id, other.id}
        gate.set()
        rows = await creating
        assert recorded_ids() == {root.id, other.id, *[row.id for row in rows]}
        await service.aclose()

    asyncio.run(run())


def test_old_closed_sessions_are_dropped(make_service, world, tmp_path):
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


def test_hostile_text_of_an_episode_is_shown_as_text(make_service, world, tmp_path):
    file = tmp_path / "journal.db"
    service = make_service(journal=SqliteJournal(file))

    async def play() -> str:
        client = SessionClient(LocalTransport(service))
        (row,) = await client.create([CreateItem(world("Counter"))], request_id="a")
        await client.step([StepItem(row.id, 0, 0, "go\x1b[2J\u202eog\x9b")])
        await service.aclose()
        return row.id

    id = asyncio.run(play())
    replayed = CliRunner().invoke(command_line, ["journal", str(file), "replay", id])
    assert (replayed.exit_code, replayed.output.count("> go\\x1b[2J\\u202eog\\x9b")) == (0, 1)
    shown = CliRunner().invoke(command_line, ["journal", str(file), "show", id])
    assert json.loads(shown.output)[0]["entries"]
    assert not set(replayed.output + shown.output) & set("\x1b\u202e\x9b")


def test_an_episode_that_its_server_cut_short_replays(make_service, world, tmp_path):
    file = tmp_path / "journal.db"
    service = make_service(limits=Limits(max_turns=3), journal=SqliteJournal(file))

    async def play() -> str:
        client = SessionClient(LocalTransport(service))
        (row,) = await client.create([CreateItem(world("Counter"))], request_id="a")
        for turn in range(3):
            (row,) = await client.step([StepItem(row.id, 0, turn, "go")])
        assert (row.turn, row.end) == (3, "horizon")
        await service.aclose()
        return row.id

    id = asyncio.run(play())
    runner = CliRunner()
    done = runner.invoke(command_line, ["journal", str(file), "verify"])
    assert (done.exit_code, done.output) == (0, "1 of 1 episodes replay exactly\n")
    done = runner.invoke(command_line, ["journal", str(file), "replay", id])
    assert (done.exit_code, done.output.count("> go"), done.output.count("[horizon")) == (0, 3, 1)
    with sqlite3.connect(file) as db:
        db.execute("UPDATE entries SET digest = zeroblob(16) WHERE number = 3")
    db.close()
    done = runner.invoke(command_line, ["journal", str(file), "verify"])
    assert (done.exit_code, "turn 3: " in done.output) == (1, True)
    done = runner.invoke(command_line, ["journal", str(file), "replay", id])
    assert done.output.count("> go") == 2, "what does not differ is shown"


def test_the_command(make_service, world, tmp_path):
    file = tmp_path / "journal.db"
    id = recorded(make_service, world("Counter"), file)
    runner = CliRunner()

    def run(*arguments: str) -> tuple[int, str]:
        done = runner.invoke(command_line, ["journal", str(file), *arguments])
        return done.exit_code, done.output

    code, text = run("list", "--json")
    assert code == 0
    assert [(row["id"], row["turns"], row["closed"]) for row in json.loads(text)] == [(id, 4, None)]
    assert id in run()[1]
    (shown,) = json.loads(run("show", id)[1])
    assert [entry["action"] for entry in shown["entries"]] == ["go"] * 4
    assert run("verify") == (0, "1 of 1 episodes replay exactly\n")
    code, text = run("replay", id)
    assert (code, text.count("> go")) == (0, 4)
    with sqlite3.connect(file) as db:
        db.execute("UPDATE entries SET digest = zeroblob(16) WHERE number = 2")
    db.close()
    code, text = run("verify")
    assert code == 1
    assert text.startswith(f"session {id}, episode 0, turn 2: ")
    assert json.loads(run("verify", "--json")[1])[0]["differs_at"] == 2
    for wrong in (["verfy"], ["show"], ["show", id[:-1]]):
        done = runner.invoke(command_line, ["journal", str(file), *wrong])
        assert isinstance(done.exception, UsageError), wrong
    with sqlite3.connect(file) as db:
        db.execute("UPDATE sessions SET closed = 1000")
    db.close()
    code, text = run("compact")
    assert text.startswith("dropped 1 closed sessions")
    assert run("list", "--json")[1].strip() == "[]"
