"""Sessions on real sandboxes while the server, its keeper or engine, and boxes are killed at random.

Each session appends a number to a file at every turn and reads the file at its end: it holds every
number once and in order, whatever was killed meanwhile, or the session has ended and says why.
At the end nothing is left: no process, no control group, no mount, no container.

    python benchmarks/sandbox/chaos.py --sessions 500 --kills 6
    python benchmarks/sandbox/chaos.py --backend docker --sessions 500 --at-once 16 --kills 40 --pause 20

The Docker engine is one of the run's own, with its data in a folder that is removed; that takes root.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import re
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal, Protocol

import psutil
import typer
from own_engine import EMPTY, own_engine

from turnwise.commands.options_from import with_settings
from turnwise.errors import ServerError
from turnwise.servers.client import ServerProcess, connect
from turnwise.servers.protocol.types import CreateItem, Problem, Reply, StepItem
from turnwise.settings import Setting

ENV = "swe/tasks-v0"
_STORE = "/sandbox/namespace/keeper"  # what a keeper mounts its layers on
_GROUP = re.compile(r"turnwise-(\d+)-(\d+)")
_BUDGET_S = 900.0
_SWEPT_S = 60.0
_FOUND_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is played, and what is killed meanwhile."""

    backend: Annotated[Literal["namespace", "docker"], Setting("Where the boxes are.")] = "namespace"
    sessions: Annotated[int, Setting("How many are played.", least=1)] = 500
    at_once: Annotated[int, Setting("How many of them at one time.", least=1)] = 500
    begin_s: Annotated[float, Setting("Seconds in which sessions may begin.")] = 1e9
    turns: Annotated[int, Setting("Turns of a session before it reads its file.", least=1)] = 4
    kills: Annotated[int, Setting("How many, the last one of the server.", least=1)] = 6
    pause: Annotated[float, Setting("Longest pause between two kills, in seconds.", least=0.0)] = 2.0
    seed: Annotated[int, Setting("Of the order of the kills, and of the pauses.")] = 0
    log: Annotated[Path | None, Setting("The server's log.")] = None


@dataclass
class Report:
    """What became of the sessions, and what was left."""

    sessions: int
    turns: int
    begun: int = 0
    kills: dict[str, int] = field(default_factory=Counter)
    missed: list[str] = field(default_factory=list)  # kills that found nothing of their kind
    ends: dict[str, int] = field(default_factory=Counter)  # whole, or the reason that a session gave
    wrong: list[str] = field(default_factory=list)  # sessions whose file is another one
    left: dict[str, list[str]] = field(default_factory=dict)
    seconds: float = 0.0


class Victims(Protocol):
    """What is killed beside the server, and what is looked for when it is gone."""

    kinds: Sequence[str]

    def kill(self, kind: str, server: int, chance: random.Random) -> bool:
        """Kill one of a kind; False if there is none."""

    def left_over(self, servers: set[int]) -> dict[str, list[str]]:
        """Return what is there of servers that are gone."""


class Namespaces:
    """The keeper of the namespace backend, and the processes of its boxes."""

    kinds = ("keeper", "box")

    def kill(self, kind: str, server: int, chance: random.Random) -> bool:
        """Kill one of a kind; False if there is none."""
        found = list(_children(server, kind))
        with suppress(ProcessLookupError):  # it has ended by itself meanwhile: another one
            if found:
                os.kill(chance.choice(found), signal.SIGKILL)
                return True
        return False

    def left_over(self, servers: set[int]) -> dict[str, list[str]]:
        """Return what is there of servers that are gone: processes, control groups, mounts."""
        return left_over(servers)


async def play(url: str, number: int, turns: int, report: Report) -> None:
    """Play one session to its end."""
    client = connect(url, budget_s=_BUDGET_S)
    try:
        (row,) = await client.create([CreateItem(ENV, seed=number)], request_id=f"chaos {number}")
        for turn in range(turns if isinstance(row, Reply) else 0):
            (row,) = await client.step([StepItem(row.id, 0, turn, f"bash echo {turn} >> log.txt")])
            if isinstance(row, Problem) or row.end is not None:
                break
        else:
            if isinstance(row, Reply):
                (row,) = await client.step([StepItem(row.id, 0, turns, "bash cat log.txt")])
        _judge(row, number, turns, report)
        if isinstance(row, Reply):
            await client.close([row.id])
    except ServerError as error:
        report.ends[f"refused: {str(error)[:80]}"] += 1
    finally:
        await client.aclose()


def _judge(row: Reply | Problem, number: int, turns: int, report: Report) -> None:
    if isinstance(row, Problem):
        report.ends[f"problem {row.code}: {row.detail[:200]}"] += 1
    elif row.end is not None:
        report.ends[f"{row.end}: {re.sub(r'[0-9a-f]{6,}|[0-9]+', 'N', str(row.info.get('error')))[:80]}"] += 1
    elif row.observation.split() == [str(turn) for turn in range(turns)]:
        report.ends["whole"] += 1
    else:
        report.wrong.append(f"{number}: {row.observation[:80]!r}")


def planned(kinds: Sequence[str], kills: int, chance: random.Random) -> list[str]:
    """Return what is killed one after another: each kind as often as the others, the server last."""
    kinds = [*kinds, "server"]
    first = [kinds[number % len(kinds)] for number in range(kills - 1)]
    chance.shuffle(first)
    return [*first, "server"]


async def kill_at_random(server: ServerProcess, plan: Plan, victims: Victims, report: Report) -> None:
    """Kill one thing after another; what is not there yet is waited for, so that each kill hits."""
    chance = random.Random(plan.seed)
    for kind in planned(victims.kinds, plan.kills, chance):
        await asyncio.sleep(chance.uniform(0.25, 1.0) * plan.pause)
        if kind == "server":
            await asyncio.to_thread(_restart, server)
        elif not await _hit(server, kind, victims, chance):
            report.missed.append(kind)
            continue
        report.kills[kind] += 1


async def _hit(server: ServerProcess, kind: str, victims: Victims, chance: random.Random) -> bool:
    """Kill one of a kind as soon as there is one; tell whether there was."""
    deadline = time.monotonic() + _FOUND_S
    while time.monotonic() < deadline:
        if await asyncio.to_thread(victims.kill, kind, server.pid, chance):
            return True
        await asyncio.sleep(0.01)
    return False


def _restart(server: ServerProcess) -> None:
    server.kill()
    server.start()


def _children(pid: int, what: str) -> Iterator[int]:
    """Yield the keepers of a server, or the processes of its boxes: what keepers have started and are not."""
    for child in psutil.Process(pid).children():
        with suppress(psutil.Error):
            if _is_keeper(child):
                found = [child] if what == "keeper" else child.children(recursive=True)
                yield from (one.pid for one in found if _is_keeper(one) == (what == "keeper"))


def _is_keeper(process: psutil.Process) -> bool:
    return "keeper.main" in " ".join(process.cmdline())


def left_over(pids: set[int]) -> dict[str, list[str]]:
    """Return what is there of servers that are gone: processes, control groups, mounts.

    Args:
        pids: of the servers.
    """
    groups = []
    for folder, below, _ in os.walk("/sys/fs/cgroup"):
        for name in list(below):
            found = _GROUP.match(name)
            if found:
                below.remove(name)
                groups += [f"{folder}/{name}"] if int(found[1]) in pids else []
    keepers = [
        f"{one.info['pid']}"
        for one in psutil.process_iter(["pid", "ppid", "cmdline"])
        if one.info["ppid"] in pids and "keeper.main" in " ".join(one.info["cmdline"] or [])
    ]
    mounts = [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if _STORE in line]
    return {"groups": groups, "processes": keepers, "mounts": mounts}


async def chaos(plan: Plan, victims: Victims, folder: Path) -> Report:
    """Play sessions while things are killed, and look for what is left."""
    report, started = Report(plan.sessions, plan.turns), time.monotonic()
    pids: set[int] = set()
    words = ["--env", ENV, "--argument", f"backend={plan.backend}", "--journal", str(folder / "journal.db")]
    with ServerProcess(words, log_file=plan.log) as server:
        pids.add(server.pid)
        killer = asyncio.ensure_future(kill_at_random(server, plan, victims, report))
        room = asyncio.Semaphore(plan.at_once)

        async def one(number: int) -> None:
            async with room:
                if time.monotonic() - started > plan.begin_s:
                    return
                report.begun += 1
                await play(server.url, number, plan.turns, report)
            if not number % 50:
                print(f"{sum(report.ends.values())} ended", dict(report.kills), file=sys.stderr, flush=True)

        await asyncio.gather(*map(one, range(plan.sessions)), _noted(server, pids, killer))
        gone = pids - {server.pid}
        deadline = time.monotonic() + _SWEPT_S
        while _counted(victims.left_over(gone)) and time.monotonic() < deadline:
            await asyncio.sleep(0.5)
        report.left = {
            f"{kind} while the last server lives": found for kind, found in victims.left_over(gone).items()
        }
    report.left |= victims.left_over(pids)
    report.seconds = round(time.monotonic() - started, 1)
    return report


def _counted(left: dict[str, list[str]]) -> bool:
    return any(found for kind, found in left.items() if not kind.startswith(EMPTY))


async def _noted(server: ServerProcess, pids: set[int], killer: asyncio.Future[Any]) -> None:
    while not killer.done():
        pids.add(server.pid)
        await asyncio.sleep(0.05)
    await killer
    pids.add(server.pid)


@with_settings()
def main(plan: Plan) -> None:
    """Play sessions while things are killed at random; print what became of them, and what is left."""
    with tempfile.TemporaryDirectory(prefix="chaos-") as name:
        folder = Path(name)
        with own_engine(folder) if plan.backend == "docker" else nullcontext(Namespaces()) as victims:
            report = asyncio.run(chaos(plan, victims, folder))
    print(json.dumps(vars(report), indent=2))
    if report.wrong or report.missed or _counted(report.left) or sum(report.ends.values()) != report.begun:
        raise SystemExit(1)


if __name__ == "__main__":
    typer.run(main)
