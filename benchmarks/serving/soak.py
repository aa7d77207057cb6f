"""Load a server for half an hour and watch its memory.

    python benchmarks/serving/soak.py --minutes 30 --out benchmarks/results

One client keeps a server with a durable journal busy; the server is held to one
core. The load is all calls at once: single steps over 64 connections, batches,
group creates, forks, resets, ends, closes, refused requests, and the pages of
metrics and health. Resident memory is sampled all the while. What a server keeps
to answer repetitions fills up first, so the first part of the run (a fifth, or
until as many creates and forks were answered as are kept, whichever is longer) is
warm-up. Demanded: from then on the median of each tenth stays within 5 % of the
first one's, threads and descriptors do not become more, every reply has the turn
that it must have, and no session is left. The exit code is 1 if one of them
fails. How much of a core the server wanted (had, or stood in line for, by the
scheduler's own count) is reported, too: that is the load.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import orjson
import psutil

from turnwise.servers.client import ServerProcess, connect
from turnwise.servers.client.transports.keep_alive import KeepAliveTransport
from turnwise.servers.protocol.limits import Limits
from turnwise.servers.protocol.types import CreateItem, ForkItem, Reply, ResetItem

WORLDS = Path(__file__).parents[2] / "tests" / "servers" / "worlds.py"
WANDERERS = Path(__file__).with_name("wanderers.py")
ENVS = [f"{WORLDS}:Counter", f"{WORLDS}:Waiting", f"{WANDERERS}:Household"]
JSON = {"content-type": "application/json"}
FLAT = 0.05
TIDY_S = 60.0  # the thread that tidies the journal is there by then
NUM_DRIVERS, NUM_SESSIONS, LENGTH, NUM_EPISODES = 64, 4, 24, 2


class Row(NamedTuple):
    """One sample."""

    at_s: float
    rss_bytes: int
    used_s: float
    waited_s: float
    threads: int
    descriptors: int


class Load:
    """Players that go on until told to stop, counts of what was answered, and the first wrong answer."""

    def __init__(self, url: str) -> None:
        self.client, self.url = connect(url, budget_s=600.0), url
        self.wire = KeepAliveTransport(url, {}, 600.0)
        self.few = asyncio.Semaphore(8)  # httpx looks through all its connections for each request
        self.num_turns = self.num_answers = 0
        self.stopping = False

    async def run(self) -> None:
        calls = [self.drive(number) for number in range(NUM_DRIVERS)]
        await asyncio.gather(*calls, self.pester())
        await self.client.aclose()
        await self.wire.aclose()

    async def drive(self, driver: int) -> None:
        number = 0
        while not self.stopping:
            await self.life(f"{driver}-{number}", ENVS[(driver + number) % len(ENVS)], driver % 4 == 0)
            number += 1

    async def life(self, name: str, env_id: str, singly: bool) -> None:
        """Create a group, play episodes with a fork in each, and close."""
        item = CreateItem(env_id, {"length": LENGTH}, len(name), count=NUM_SESSIONS, group=True)
        async with self.few:
            rows = replies(await self.client.create([item], request_id=f"create-{name}"))
        for episode in range(NUM_EPISODES):
            if episode:
                resets = [ResetItem(row.id, episode) for row in rows]
                async with self.few:
                    rows = replies(await self.client.reset(resets))
            for turn in range(LENGTH):
                if turn == LENGTH // 2:
                    rows = await self.forked(rows, f"fork-{name}-{episode}")
                if singly:
                    await asyncio.gather(*[self.single(row.id, episode, turn) for row in rows])
                    continue
                await self.together(rows, episode, turn)
        async with self.few:
            await self.client.close([row.id for row in rows])
        self.num_answers += 1 + NUM_EPISODES

    async def forked(self, rows: list[Reply], name: str) -> list[Reply]:
        """Go on with copies of all."""
        items = [ForkItem(row.id, reseed=number) for number, row in enumerate(rows)]
        async with self.few:
            children = replies(await self.client.fork(items, request_id=name))
            await self.client.close([row.id for row in rows])
        return children

    async def single(self, id: str, episode: int, turn: int) -> None:
        """Take one step over a connection of its own, as cheaply as it goes, to leave the server no rest."""
        self.num_turns += 1
        body = orjson.dumps({"episode": episode, "turn": turn, "action": f"go {turn}"})
        answer = await self.wire.call("POST", f"/v1/sessions/{id}/step", body, JSON)
        if answer.status != 200 or b'"turn":%d,' % (turn + 1) not in answer.body:
            raise AssertionError(f"turn {turn} of {id}: {answer}")

    async def together(self, rows: list[Reply], episode: int, turn: int) -> None:
        """Take a step of each session in one request, as cheaply."""
        self.num_turns += len(rows)
        steps = [{"id": row.id, "episode": episode, "turn": turn, "action": f"go {turn}"} for row in rows]
        answer = await self.wire.call("POST", "/v1/step", orjson.dumps({"items": steps}), JSON)
        if answer.status != 200 or answer.body.count(b'"turn":%d,' % (turn + 1)) != len(rows):
            raise AssertionError(f"turn {turn} of {[row.id for row in rows]}: {answer}")

    async def pester(self) -> None:
        """Ask for what is refused, and for the pages that people and monitors read."""
        async with httpx.AsyncClient(base_url=self.url, timeout=60) as http:
            while not self.stopping:
                bad = await http.post("/v1/step", json={"items": [{"id": "nobody", "turn": "x" * 1000}]})
                lost = await http.post("/v1/sessions", json={"env_id": "no/such-v0"})
                assert bad.status_code == 422 and 400 <= lost.status_code < 500, (bad.text, lost.text)
                for path in ("/metrics", "/health", "/v1/envs", "/v1/sessions"):
                    assert (await http.get(path)).status_code == 200, path
                await asyncio.sleep(0.2)


def replies(rows: list[Any]) -> list[Reply]:
    for row in rows:
        if not isinstance(row, Reply):
            raise AssertionError(f"refused: {row}")
    return rows


class Watch:
    """Samples of a process."""

    def __init__(self, pid: int) -> None:
        self.process, self.started = psutil.Process(pid), time.monotonic()
        self.rows: list[Row] = []

    def sample(self) -> None:
        times = self.process.cpu_times()
        used_s = times.user + times.system
        memory = self.process.memory_info().rss
        now = time.monotonic() - self.started
        threads, descriptors = self.process.num_threads(), self.process.num_fds()
        self.rows.append(Row(now, memory, used_s, self.waited_s(), threads, descriptors))

    def waited_s(self) -> float:
        """Return how long the process stood in line for a core; 0 where the system does not say."""
        file = Path(f"/proc/{self.process.pid}/schedstat")
        return int(file.read_text().split()[1]) / 1e9 if file.exists() else 0.0


def hold_to_one_core(pid: int) -> None:
    """Give the server the last core, and this process the others."""
    if hasattr(os, "sched_setaffinity"):
        *others, last = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(pid, {last})
        os.sched_setaffinity(0, others or {last})


def run(seconds: float, every_s: float, log: bool) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        arguments = [word for env_id in ENVS for word in ("--env", env_id)]
        arguments += ["--journal", str(Path(folder) / "journal.db")]
        with ServerProcess(arguments) as server:
            hold_to_one_core(server.pid)
            load, watch, kept = Load(server.url), Watch(server.pid), Limits().max_requests
            failed: list[str] = []
            thread = threading.Thread(target=play, args=(load, failed))
            thread.start()
            warm_s = 0.0
            while thread.is_alive() and time.monotonic() - watch.started < seconds:
                time.sleep(every_s)
                watch.sample()
                now = watch.rows[-1].at_s
                if now < seconds / 5 or (load.num_answers < kept and now < seconds / 2):
                    warm_s = now
                if log:
                    print(json.dumps([*watch.rows[-1], load.num_turns]), file=sys.stderr, flush=True)
            load.stopping = True
            thread.join()
            left = httpx.get(f"{server.url}/v1/sessions", timeout=60.0).json()["sessions"]
            journal_bytes = sum(file.stat().st_size for file in Path(folder).iterdir())
    result = judged(watch.rows, warm_s, failed + ([f"{len(left)} sessions are left"] if left else []))
    return {
        **result,
        "turns": load.num_turns,
        "creates_and_forks": load.num_answers,
        "journal_mb": round(journal_bytes / 2**20, 1),
    }


def play(load: Load, failed: list[str]) -> None:
    try:
        asyncio.run(load.run())
    except Exception as error:  # noqa: BLE001 - whatever it is, the run has failed
        failed.append(f"{type(error).__name__}: {error}"[:1000])


def judged(rows: list[Row], warm_s: float, faults: list[str]) -> dict[str, Any]:
    warm = [row for row in rows if row.at_s > warm_s]
    size = max(1, len(warm) // 10)
    parts = [warm[i : i + size] for i in range(0, size * 10, size)]
    tenths = [statistics.median(row.rss_bytes for row in part) for part in parts if part]
    growth = max(abs(tenth / tenths[0] - 1) for tenth in tenths)
    if growth > FLAT:
        faults.append(f"memory moved by {growth:.1%}")
    for name in ("threads", "descriptors"):
        first, last = (max(getattr(row, name) for row in part) for part in (parts[0], parts[-1]))
        if last > first and warm_s > TIDY_S:
            faults.append(f"{name} rose from {first} to {last}")
    first, last = rows[0], rows[-1]
    elapsed_s = last.at_s - first.at_s
    used_s, waited_s = last.used_s - first.used_s, last.waited_s - first.waited_s
    return {
        "seconds": round(last.at_s, 1),
        "warm_up_s": round(warm_s, 1),
        "core_used": round(used_s / elapsed_s, 3),
        "core_wanted": round((used_s + waited_s) / elapsed_s, 3),
        "median_mb_of_each_tenth": [round(tenth / 2**20, 1) for tenth in tenths],
        "largest_move": round(growth, 4),
        "threads": [min(row.threads for row in warm), max(row.threads for row in warm)],
        "descriptors": [min(row.descriptors for row in warm), max(row.descriptors for row in warm)],
        "load": os.getloadavg(),
        "faults": faults,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--every", type=float, default=5.0, help="seconds between samples")
    parser.add_argument("--log", action="store_true", help="print every sample on standard error")
    parser.add_argument("--out", type=Path, help="folder for the dated result")
    options = parser.parse_args()
    if options.minutes * 60 < 20 * options.every:
        parser.error(f"{options.minutes:g} minutes hold less than 20 samples, one in {options.every:g} s")
    result = run(options.minutes * 60, options.every, options.log)
    text = json.dumps(result, indent=1)
    print(text)
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        (options.out / f"{time.strftime('%Y-%m-%d')}-serving-soak.json").write_text(text + "\n")
    return 1 if result["faults"] else 0


if __name__ == "__main__":
    sys.exit(main())
