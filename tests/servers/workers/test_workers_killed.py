"""Workers that die: killed for real, replaced by their parent, their sessions rebuilt.

1. With a journal every session of a killed worker goes on, wherever its calls arrive, and a
   repeated create finds what was made.
2. Without one its sessions are gone and say so; those of the others do not notice.
3. Requests that need a dead worker are refused with 503, or wait for the new one.
4. The whole server killed and started again goes on; another number of workers is refused.
5. No worker outlives the parent; one that ends again and again ends the server with 1.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from turnwise.errors import ServerUnreachable, UsageError
from turnwise.servers.client import ServerProcess, connect
from turnwise.servers.protocol.types import CreateItem, Problem, Reply, StepItem
from turnwise.servers.run.supervisor import _WorkerProcess
from turnwise.servers.sessions.journal.files import journal_of
from turnwise.servers.sessions.journal.format import open_reader

WORLDS = Path(__file__).parents[1] / "worlds.py"
COUNTER, HOSTILE, SLEEPY = (f"{WORLDS}:{name}" for name in ("Counter", "Hostile", "Sleepy"))
LENGTH = {"length": 100}


def pids(server: ServerProcess) -> list[int]:
    """Return the processes of the workers, in order."""
    health = httpx.get(f"{server.url}/health", timeout=20)
    return [row["pid"] for row in health.json()["workers"]]


def wait_until_well(server: ServerProcess, gone: int) -> None:
    """Wait until every worker answers, the one that was killed replaced."""
    while True:
        answer = httpx.get(f"{server.url}/health", timeout=20)
        if answer.status_code == 200 and gone not in [row["pid"] for row in answer.json()["workers"]]:
            return
        time.sleep(0.02)


def observations(rows: list[Any]) -> list[str]:
    assert all(isinstance(row, Reply) for row in rows), rows
    return [row.observation for row in rows]


async def play(client: Any, between: Any) -> list[list[str]]:
    """Play 12 sessions for 6 turns and return what was seen; `between` is called before each turn."""
    rows = await client.create([CreateItem(COUNTER, LENGTH, seed=7, count=12)], request_id="all")
    seen = [observations(rows)]
    for turn in range(6):
        await between(turn, rows)
        rows = await client.step([StepItem(row.id, 0, turn, f"go {turn}") for row in rows])
        seen.append(observations(rows))
    again = await client.create([CreateItem(COUNTER, LENGTH, seed=7, count=12)], request_id="all")
    assert observations(again) == seen[0]
    assert [row.id for row in again] == [row.id for row in rows], "nothing was made twice"
    await client.aclose()
    return seen


async def nothing(turn: int, rows: list[Any]) -> None:
    """Leave everything as it is."""


def test_sessions_of_a_killed_worker_come_back(tmp_path):
    arguments = ["--env", COUNTER, "--workers", "3", "--journal", str(tmp_path / "journal.db")]
    with ServerProcess(arguments) as server:

        async def kill(turn: int, rows: list[Any]) -> None:
            os.kill((await asyncio.to_thread(pids, server))[turn % 3], signal.SIGKILL)
            if turn % 2:
                await asyncio.sleep(0.05)

        async def run() -> list[list[str]]:
            return await play(connect(server.url, budget_s=300), kill)

        async def alone() -> list[list[str]]:
            return await play(connect("local:"), nothing)

        assert asyncio.run(run()) == asyncio.run(alone())
        assert "has ended and is replaced" in server.log_tail()
    files = sorted(path.name for path in tmp_path.glob("*.db"))
    assert files == [f"journal.{number}-of-3.db" for number in range(3)]


def test_without_a_journal_they_are_gone_and_say_so():
    with ServerProcess(["--env", COUNTER, "--workers", "2"]) as server:

        async def run() -> None:
            client = connect(server.url, budget_s=300)
            rows = await client.create([CreateItem(COUNTER, LENGTH, count=8)], request_id="some")
            victim = (await asyncio.to_thread(pids, server))[0]
            os.kill(victim, signal.SIGKILL)
            await asyncio.to_thread(wait_until_well, server, victim)
            steps = await client.step([StepItem(row.id, 0, 0, "go") for row in rows])
            for row, step in zip(rows, steps, strict=True):
                if row.id.startswith("0-"):
                    assert isinstance(step, Problem)
                    assert (step.status, step.code) == (404, "unknown_session")
                    assert "forgotten it (no --journal)" in step.detail
                else:
                    assert isinstance(step, Reply)
            assert len({type(step) for step in steps}) == 2
            document = httpx.get(f"{server.url}/health").json()
            assert document["sessions"] == 4
            await client.aclose()

        asyncio.run(run())


def test_the_quota_after_a_death():
    with ServerProcess(["--env", COUNTER, "--workers", "2", "--max-sessions", "4"]) as server:
        body = {"env_id": COUNTER, "count": 4}
        rows = httpx.post(f"{server.url}/v1/sessions", json=body).json()["sessions"]
        assert httpx.post(f"{server.url}/v1/sessions", json={"env_id": COUNTER}).status_code == 429
        victim = pids(server)[1]
        os.kill(victim, signal.SIGKILL)
        wait_until_well(server, victim)
        lost = sum(row["id"].startswith("1-") for row in rows)
        assert lost == 2
        room = [httpx.post(f"{server.url}/v1/sessions", json={"env_id": COUNTER}) for _ in range(3)]
        assert [answer.status_code for answer in room] == [200, 200, 429], "what the dead one held is free"


def test_requests_that_need_a_stopped_worker(tmp_path):
    arguments = ["--env", SLEEPY, "--isolation", "thread", "--workers", "2"]
    with ServerProcess([*arguments, "--journal", str(tmp_path / "journal.db")]) as server:

        async def run() -> None:
            client = connect(server.url, budget_s=300)
            rows = await client.create([CreateItem(SLEEPY, LENGTH, seed=1, count=2)], request_id="two")
            (zero,) = [row for row in rows if row.id.startswith("0-")]
            victim = (await asyncio.to_thread(pids, server))[0]
            step = asyncio.create_task(client.step([StepItem(zero.id, 0, 0, "sleep 0.7")]))
            described = {"running": False}
            while not described["running"]:
                described = await client.describe(zero.id)
            os.kill(victim, signal.SIGKILL)
            (reply,) = await step
            assert isinstance(reply, Reply), "the step was lost with the worker, and taken again"
            assert reply.turn == 1
            assert (await client.describe(zero.id))["turn"] == 1
            await client.aclose()

        asyncio.run(run())


def test_a_restart_with_the_journal(tmp_path):
    journal = tmp_path / "journal.db"
    server = ServerProcess(["--env", COUNTER, "--workers", "2", "--journal", str(journal)])
    with server:

        async def restart(turn: int, rows: list[Any]) -> None:
            if turn == 2:
                await asyncio.to_thread(server.kill)
                await asyncio.to_thread(server.start)

        async def run() -> list[list[str]]:
            return await play(connect(server.url, budget_s=300), restart)

        async def alone() -> list[list[str]]:
            return await play(connect("local:"), nothing)

        assert asyncio.run(run()) == asyncio.run(alone())
        assert server.stop() == 0
    for number in ("3", "1"):
        with pytest.raises(ServerUnreachable, match=r"ended with 2:(.|\n)*was written by 2 workers"):
            ServerProcess(["--env", COUNTER, "--workers", number, "--journal", str(journal)]).start()
    with pytest.raises(OSError, match=r"those of workers: journal\.0-of-2\.db, journal\.1-of-2\.db"):
        open_reader(journal)


def test_the_files_of_a_journal(tmp_path):
    journal = tmp_path / "j.db"
    assert journal_of(journal, 0, 1) == journal
    assert journal_of(journal, 1, 3) == tmp_path / "j.1-of-3.db"
    (tmp_path / "j.1-of-3.db.lock").touch()
    (tmp_path / "jj.1-of-4.db").touch()
    assert journal_of(journal, 1, 2) == tmp_path / "j.1-of-2.db", "files of other journals do not matter"
    journal.touch()
    with pytest.raises(UsageError, match=r"was written by 1 workers \(j\.db\).*start with --workers 1"):
        journal_of(journal, 0, 2)
    assert journal_of(journal, 0, 1) == journal


def test_no_worker_outlives_the_parent_and_the_next_one_removes_its_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    server = ServerProcess(["--env", COUNTER, "--workers", "2"]).start()
    workers = [psutil.Process(pid) for pid in pids(server)]
    (left,) = tmp_path.glob("turnwise-workers-*")
    server.kill()
    gone, alive = psutil.wait_procs(workers, timeout=60)
    for worker in alive:
        worker.kill()
    assert not alive
    assert len(gone) == 2
    with ServerProcess(["--env", COUNTER, "--workers", "2"]) as next_one:
        (mine,) = tmp_path.glob("turnwise-workers-*")
        assert mine != left
        assert next_one.stop() == 0
    assert list(tmp_path.glob("turnwise-workers-*")) == []


def test_a_worker_that_cannot_start_ends_the_server(tmp_path):
    broken = tmp_path / "broken.py"
    broken.write_text("import os\n\nos._exit(3)\n")
    with pytest.raises(ServerUnreachable, match=r"ended with 1:(.|\n)*ended 5 times while it started"):
        ServerProcess(["--env", f"{broken}:Broken", "--workers", "2"]).start()


def test_only_lives_that_never_served_count_as_failed_starts():
    worker = _WorkerProcess(0)
    for life in range(12):  # killed soon after it serves, now and then while it starts
        worker.started, worker.ready = 10.0 * life, life % 3 != 2
        worker.over(worker.started + 1.0)
        assert worker.num_failed_starts == (life % 3 == 2)
    assert worker.start_at == 111.0 + 5.0, "it comes back more slowly, as any short life does"
    for failed in range(1, 6):
        worker.ready = False
        worker.over(worker.started + 1.0)
        assert worker.num_failed_starts == failed + 1
    worker.ready = True
    worker.over(worker.started + 60.0)
    assert (worker.num_failed_starts, worker.start_at) == (0, 170.0)


def test_stopping_finishes_what_runs(tmp_path):
    arguments = ["--env", SLEEPY, "--isolation", "thread", "--workers", "2"]
    with ServerProcess(arguments) as server:

        async def run() -> None:
            client = connect(server.url, budget_s=0.1)
            rows = await client.create([CreateItem(SLEEPY, LENGTH, count=2)], request_id="two")
            items = [StepItem(row.id, 0, 0, "sleep 1") for row in rows]
            steps = [asyncio.create_task(client.step([item])) for item in items]
            while not all([(await client.describe(row.id))["running"] for row in rows]):
                pass
            os.kill(server.pid, signal.SIGINT)
            for (reply,) in await asyncio.gather(*steps):
                assert isinstance(reply, Reply), "a step under way is finished, wherever it was asked for"
            await client.aclose()

        asyncio.run(run())
        assert server._process is not None
        assert server._process.wait(60) == 130
