"""What a leaderboard costs a server: a journal of many runs, its start, its pages, beside a bare call.

    python benchmarks/hosted/board.py --runs 10000

Every run is a record of 20 tasks, made by this script and signed by an operator of its own. Times are
medians in milliseconds of processor time, each also as a ratio to GET /v1/log in the same process.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import resource
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx

from turnwise.servers.benchmarks.frozen import Frozen, freeze
from turnwise.servers.benchmarks.hosting import Hosting
from turnwise.servers.benchmarks.records import record_of, signed
from turnwise.servers.benchmarks.runs import Dealt, Opening, Outcome, Run, ended, opened
from turnwise.servers.benchmarks.signing import Operator
from turnwise.servers.http.control_plane import Application
from turnwise.servers.http.dispatch import Calls
from turnwise.servers.http.keys import Caller, Keys
from turnwise.servers.isolation.catalogue import Catalogue
from turnwise.servers.sessions.journal.sqlite import SqliteJournal
from turnwise.servers.sessions.service import Service

FILE = """
name = "many"
version = 1
[budget]
turns = 10
seconds = 100.0
attempts_per_week = 1000
[[environments]]
id = "household/demo-v0"
tasks = 20
"""
SECRET = "s" * 24
BOARD = "/v1/benchmarks/many/board"


def run_of(number: int, hash: str, draws: random.Random) -> Run:
    """Return a run that is over, won as often as chance says."""
    at = 1_800_000_000.0 + number
    owner, agent, config = f"key{number % 1000}", f"agent {number % 300}", {"note": "x" * 200}
    opening = Opening("many", 1, hash, owner, agent, config, "", number // 1000 + 1, at, at + 100)
    skill = draws.random()
    run = Run(f"{number:032x}", opening)
    for task in range(20):
        won = draws.random() < skill
        run.dealt.append(Dealt(f"s{task}", at, Outcome("terminated", won, None, float(won), 5, 0.5)))
    run.closed, run.closed_at = "done", at + 10
    return run


async def fill(file: Path, frozen: Frozen, operator: Operator, num_runs: int) -> None:
    """Write a journal of runs."""
    journal, draws, log_id = SqliteJournal(file), random.Random(0), "0" * 32
    told = {"benchmark": frozen.benchmark.document(), "fingerprints": list(frozen.fingerprints)}
    journal.noted("", "frozen", {**told, "hash": frozen.hash})
    journal.noted("", "log", {"id": log_id})
    for number in range(num_runs):
        run = run_of(number, frozen.hash, draws)
        journal.noted(run.id, "opened", opened(run.opening))
        journal.noted(run.id, "board", {"look": "keys", "owners": False})
        for task, dealt in enumerate(run.dealt):
            journal.noted(run.id, "dealt", {"session": dealt.session, "at": dealt.at})
            assert dealt.outcome is not None
            journal.noted(run.id, "ended", ended(task, dealt.outcome))
        journal.noted(run.id, "closed", {"cause": "done", "at": run.closed_at})
        journal.noted(run.id, "record", signed(operator, record_of(frozen, run, "0", log_id, number)))
        if number % 500 == 0:
            await journal.commit()
    await journal.commit()
    journal.close()


async def cost_of(http: httpx.AsyncClient, path: str, times: int = 30) -> tuple[float, int]:
    """Return the processor time of a call in milliseconds, and the size of its answer."""
    taken, size = [], 0
    for _ in range(times):
        begun = time.process_time()
        answer = await http.get(path)
        taken.append(1000 * (time.process_time() - begun))
        assert answer.status_code == 200, answer.text
        size = len(answer.content)
    return statistics.median(taken), size


def memory_mb() -> float:
    """Return what the process holds."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


async def measure(folder: Path, num_runs: int) -> dict[str, Any]:
    """Fill a journal, start on it, and ask."""
    (folder / "many.toml").write_text(FILE)
    operator = Operator.new(folder / "operator")
    frozen = freeze(folder / "many.toml", operator.master)
    await fill(folder / "journal.db", frozen, operator, num_runs)
    before, begun = memory_mb(), time.process_time()
    service = Service(Catalogue(["household/demo-v0"]), journal=SqliteJournal(folder / "journal.db"))
    hosting = Hosting(service, [frozen], operator)
    found: dict[str, Any] = {
        "runs": num_runs,
        "start_s": round(time.process_time() - begun, 2),
        "memory_kb_a_run": round((memory_mb() - before) * 1000 / num_runs, 1),
    }
    keys = Keys({SECRET: Caller("key1", True, ("many",))})
    app = Application(service, keys, calls=Calls(service, hosting=hosting))
    transport = httpx.ASGITransport(app=app)
    headers = {"authorization": f"Bearer {SECRET}"}
    async with httpx.AsyncClient(transport=transport, base_url="http://test", headers=headers) as http:
        bare, _ = await cost_of(http, "/v1/log")
        calls = {
            "json_first": BOARD,
            "json_last": f"{BOARD}?first={max(0, num_runs - 100)}",
            "json_500": f"{BOARD}?count=500",
            "pair": f"{BOARD}/pair?a=0&b=1",
        }
        for name, path in calls.items():
            taken, size = await cost_of(http, path)
            found[name] = {"ms": round(taken, 2), "ratio": round(taken / bare, 1), "bytes": size}
        http.headers["authorization"] = httpx.BasicAuth("me", SECRET)._auth_header
        taken, size = await cost_of(http, "/board/board?of=many")
        found["page"] = {"ms": round(taken, 2), "ratio": round(taken / bare, 1), "bytes": size}
    found["bare_ms"] = round(bare, 3)
    run = run_of(num_runs, frozen.hash, random.Random(1))
    hosting.book.boards.tell(run.id, "keys", owners=False)
    begun = time.process_time()
    hosting.book.boards.add(record_of(frozen, run, "0", "0" * 32, num_runs))
    found["one_more_ms"] = round(1000 * (time.process_time() - begun), 3)
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=10_000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(asyncio.run(measure(Path(folder), given.runs)), indent=1))
