"""Measure boxes of namespaces beside the bare operation, in turns in the same run.

    python benchmarks/sandbox/run.py --out FILE
    python benchmarks/sandbox/run.py --short

Each line is a goal and what was measured: median and 99th percentile by the clock, in ms, and the same of
the bare operation, taken in turns, so that a neighbour on the machine disturbs both alike. A box's first
command pays for its namespaces, so forks are measured twice: alone, and with one command in each.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import psutil

from turnwise.envs.sandbox import Limits, Sandbox, Spec
from turnwise.envs.sandbox.namespace import NamespaceBackend

Rows = list[tuple[str, str, str, str]]
BIG = Spec(limits=Limits(disk_bytes=2 << 30, memory_bytes=1 << 30))
BWRAP = (
    "bwrap --unshare-all --die-with-parent --ro-bind /usr /usr --symlink usr/bin /bin --symlink usr/lib /lib "
)
BWRAP += "--symlink usr/lib64 /lib64 --proc /proc --dev /dev bash -c true"
OVERLAY = """
import ctypes, os, sys, time
libc = ctypes.CDLL(None, use_errno=True)
assert libc.unshare(0x20000) == 0
libc.mount(b"none", b"/", None, 16384 | 1 << 18, None)
os.chdir(sys.argv[1])
libc.mount(b"t", b".", b"tmpfs", 0, b"")
os.chdir(sys.argv[1])
for i in range(64): os.mkdir(str(i))
for name in "uwm": os.mkdir(name)
options = ("lowerdir=" + ":".join(map(str, range(64))) + ":/usr,upperdir=u,workdir=w").encode()
for _ in range(int(sys.argv[2])):
    began = time.perf_counter()
    assert libc.mount(b"o", b"m", b"overlay", 0, options) == 0
    print((time.perf_counter() - began) * 1e3)
    libc.umount2(b"m", 2)
"""


class Processor:
    """Processor time of this process, its keeper and what has run in boxes; no neighbour changes it."""

    def __init__(self, backend: NamespaceBackend) -> None:
        (self._keeper,) = psutil.Process(backend.channel._process.pid).children()
        self._before = self._now()

    def _now(self) -> float:
        keeper = self._keeper.cpu_times()
        of_boxes = keeper.user + keeper.system + keeper.children_user + keeper.children_system
        return of_boxes + time.process_time()

    def each(self, count: int) -> float:
        """Return ms since the beginning, for each of so many."""
        return (self._now() - self._before) / count * 1e3


async def timed(work: Awaitable[object]) -> float:
    began = time.perf_counter()
    await work
    return (time.perf_counter() - began) * 1e3


def bare(command: list[str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True)
    return (time.perf_counter() - began) * 1e3


def bubblewrapped() -> list[float]:
    return [bare(BWRAP.split())] if shutil.which("bwrap") else []


def said(times: list[float]) -> str:
    if not times:
        return "not installed"
    ordered = sorted(times)
    return f"p50 {statistics.median(ordered):.2f}, p99 {ordered[int(0.99 * (len(ordered) - 1))]:.2f} ms"


async def commands(backend: NamespaceBackend, rounds: int, rows: Rows) -> None:
    ours, bash, bwrap = [], [], []
    async with await backend.start(Spec()) as box:
        await box.run("true")
        processor = Processor(backend)
        for _ in range(rounds):
            await box.run("true")
        spent, before = processor.each(rounds), os.times()
        for _ in range(rounds):
            bare(["bash", "-c", "true"])
        after = os.times()
        bash_spent = (sum(after[:4]) - sum(before[:4])) / rounds * 1e3
        for _ in range(rounds):
            ours.append(await timed(box.run("true")))
            bash.append(bare(["bash", "-c", "true"]))
            bwrap += bubblewrapped()
    over = statistics.median(ours) - statistics.median(bash)
    measured = f"{over:.2f} ms over ({said(ours)}); {spent:.2f} ms of processor"
    theirs = f"{said(bash)}; {bash_spent:.2f} ms of processor"
    rows.append(("a command: at most 3 ms over its own work", measured, "bash -c true", theirs))
    rows.append(("", "", "bwrap for each command", said(bwrap)))


async def starts(backend: NamespaceBackend, rounds: int, rows: Rows) -> None:
    cold, pooled, bwrap = [], [], []
    spec = Spec(workdir="/pool")
    await backend.warm(spec, 4)
    for _ in range(rounds):
        box: list[Sandbox] = []

        async def start(spec: Spec, box: list[Sandbox] = box) -> None:
            box.append(await backend.start(spec))

        cold.append(await timed(start(Spec())))
        pooled.append(await timed(start(spec)))
        bwrap += bubblewrapped()
        for one in box:
            await one.aclose()
    await backend.warm(spec, 0)
    rows.append(("start from the pool: at most 5 ms", said(pooled), "bwrap ... true", said(bwrap)))
    rows.append(("start without a pool", said(cold), "", ""))


async def forks(backend: NamespaceBackend, rounds: int, megabytes: int, rows: Rows) -> None:
    alone, first, burst = [], [], 100
    async with await backend.start(BIG) as box:
        for number in range(63):
            await box.run(f"head -c {megabytes * 1_000_000 // 64} /dev/urandom > f{number}")
            await box.snapshot()
        before, processor = shared_megabytes(), Processor(backend)
        for _ in range(rounds):
            began = time.perf_counter()
            (child,) = await box.fork(1)
            alone.append((time.perf_counter() - began) * 1e3)
            await child.run("true")
            first.append((time.perf_counter() - began) * 1e3)
            await child.aclose()
        spent = processor.each(rounds)
        began = time.perf_counter()
        children = await box.fork(burst)
        await asyncio.gather(*(child.run("true") for child in children))
        seconds = time.perf_counter() - began
        copied = shared_megabytes() - before
        for child in children:
            await child.aclose()
    out = subprocess.run(
        [sys.executable, "-c", OVERLAY, str(Path(__file__).parent), str(rounds)],
        capture_output=True,
        text=True,
    )
    mounts = [float(line) for line in out.stdout.split()]
    goal = f"fork at depth 64 with {megabytes} MB of changes: p50 6 ms, p99 20 ms"
    rows.append((goal, said(alone), "mount of 65 layers", said(mounts) if mounts else out.stderr[-80:]))
    measured = f"{said(first)}; {spent:.2f} ms of processor, its end included"
    rows.append(("fork and its first command", measured, "", ""))
    measured = f"{burst / seconds:.0f} a second with a command in each; {copied:.0f} MB more in memory"
    rows.append(("100 forks a second, no byte copied", measured, "", ""))


def shared_megabytes() -> float:
    lines = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
    return int(lines["Shmem"].split()[0]) / 1024


def memory_megabytes() -> float:
    """Return the proportional memory of this process's children."""
    total = 0
    for process in psutil.Process().children(recursive=True):
        try:
            text = Path(f"/proc/{process.pid}/smaps_rollup").read_text()
        except OSError:
            continue
        total += sum(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:"))
    return total / 1024


async def idle(backend: NamespaceBackend, count: int, rows: Rows) -> None:
    available = psutil.virtual_memory().available
    boxes = []
    for _ in range(count):
        box = await backend.start(Spec())
        await box.run("echo 1 > a")
        boxes.append(box)
    lost = (available - psutil.virtual_memory().available) / (1 << 20)
    measured = (
        f"{memory_megabytes():.0f} MB proportional; {lost:.0f} MB less available, the kernel's share included"
    )
    rows.append((f"{count} idle boxes, each used once: under {count} MB", measured, "", ""))
    for box in boxes:
        await box.aclose()


async def tests(backend: NamespaceBackend, rounds: int, rows: Rows) -> None:
    suite = "".join(
        f"def test_{number}():\n    assert {number} + 1 == {number + 1}\n\n" for number in range(20)
    )
    warm, cold = [], []
    async with await backend.start(Spec()) as box:
        await box.write("test_small.py", suite.encode())
        await box.pytest(["-q"])
        for _ in range(rounds):
            warm.append(await timed(box.pytest(["-q"])))
            cold.append(await timed(Sandbox.pytest(box, ["-q"])))
    rows.append(("20 tests, warm: at most 150 ms", said(warm), "python3 -m pytest in the box", said(cold)))


async def crowd(backend: NamespaceBackend, each: int, rows: Rows) -> None:
    line = "python3 -S -c 'sum(range(300000))'"
    boxes = [await backend.start(Spec(limits=Limits(cpus=2.0))) for _ in range(16)]
    for box in boxes:
        await box.run("true")

    async def agent(work: Callable[[], Awaitable[object]]) -> None:
        for _ in range(each):
            await work()

    async def alone() -> None:
        process = await asyncio.create_subprocess_exec("bash", "-c", line, stdin=subprocess.DEVNULL)
        await process.wait()

    ours, theirs = [], []
    for _ in range(3):
        theirs.append(await timed(asyncio.gather(*(agent(alone) for _ in boxes))))
        ours.append(await timed(asyncio.gather(*(agent(lambda box=box: box.run(line)) for box in boxes))))
    ratio = statistics.median(mine / bare for mine, bare in zip(ours, theirs, strict=True))
    per = 16 * each / statistics.median(ours) * 1e3
    measured = f"{ratio:.2f} of the time ({per:.0f} commands a second)"
    rows.append(
        ("16 agents at once: at most 1.2 of the commands alone", measured, "bash -c of the same", "1.00")
    )
    for box in boxes:
        await box.aclose()


async def measure(short: bool) -> Rows:
    backend = NamespaceBackend()
    rows: Rows = []
    rounds = 10 if short else 200
    try:
        await commands(backend, rounds, rows)
        await starts(backend, rounds, rows)
        await forks(backend, rounds, 64 if short else 1000, rows)
        await idle(backend, 20 if short else 1000, rows)
        await tests(backend, 3 if short else 40, rows)
        await crowd(backend, 2 if short else 20, rows)
    finally:
        await backend.aclose()
    return rows


def page(rows: Rows) -> str:
    head = (
        "# Boxes of namespaces beside the bare operation\n\n"
        f"Linux {platform.release()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the end; "
        "`python benchmarks/sandbox/run.py`.\n\n| goal | measured | bare | measured |\n|---|---|---|---|\n"
    )
    return head + "".join("| " + " | ".join(row) + " |\n" for row in rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--out", type=Path)
    chosen = parser.parse_args()
    if chosen.out:
        chosen.out.parent.mkdir(parents=True, exist_ok=True)
    text = page(asyncio.run(measure(chosen.short)))
    print(text)
    if chosen.out:
        chosen.out.write_text(text)


if __name__ == "__main__":
    main()
