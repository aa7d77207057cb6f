"""Memory of a box: the kernel's own limit follows its files, and who takes more is the agent's fault."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from turnwise.envs.sandbox import Backend, Limits, Sandbox, Spec
from turnwise.envs.sandbox.namespace import NamespaceBackend
from turnwise.envs.sandbox.namespace.keeper.boxes import FILES_AHEAD_BYTES

pytestmark = pytest.mark.sandbox
Play = Callable[..., Any]
MB = 1 << 20
LARGE = Spec(limits=Limits(memory_bytes=256 * MB, disk_bytes=1024 * MB))
TAKE = "python3 -c 'import os; fd = os.memfd_create(\"m\")\nfor _ in range({}): os.write(fd, bytes(1 << 20))'"


@pytest.fixture(autouse=True)
def namespace_alone(backend: Backend) -> None:
    if backend.name != "namespace":
        pytest.skip("what the kernel's limit of a container counts is Docker's affair")


def peak(box: Sandbox) -> Iterator[int]:
    """Yield the most that a box ever had of memory and files, where the kernel tells."""
    for name in ("memory.max_usage_in_bytes", "memory.peak"):
        for file in Path("/sys/fs/cgroup").rglob(f"{box.id}/{name}"):
            yield int(file.read_text())


def test_two_gigabytes_at_once_end_the_command_and_not_the_box(play: Play) -> None:
    async def body(box: Sandbox) -> None:
        ran = await box.run("python3 -c 'x = bytearray(2 << 30)'", 60)
        assert (ran.exit_code in (None, 137), ran.cause) == (True, "memory")
        assert (await box.run("python3 -c 'x = bytearray(99 << 20)'; echo $?")).output == "0\n"
        assert all(most <= 256 * MB + FILES_AHEAD_BYTES for most in peak(box))

    play(body, LARGE)


def test_a_fast_writer_of_files_is_not_short_of_memory(play: Play) -> None:
    async def body(box: Sandbox) -> None:
        ran = await box.run("head -c 600M /dev/zero > big && stat -c %s big && rm big", 60)
        assert (ran.output, ran.cause) == (f"{600 * MB}\n", "exit")
        ran = await box.run("head -c 400M /dev/zero > big && rm big && " + TAKE.format(400), 60)
        assert ran.cause == "memory"

    play(body, Spec(limits=Limits(memory_bytes=64 * MB, disk_bytes=1024 * MB)))


def test_what_others_wrote_is_no_room_for_memory(play: Play) -> None:
    async def body(box: Sandbox) -> None:
        await box.run("head -c 400M /dev/zero > big", 60)
        (child,) = await box.fork(1)
        assert (await child.run("ls -s big; " + TAKE.format(300), 60)).cause == "memory"
        assert (await box.run(TAKE.format(300), 60)).cause == "memory"
        assert (await child.run(TAKE.format(30), 60)).cause == "exit"
        await child.aclose()

    play(body, Spec(limits=Limits(memory_bytes=64 * MB, disk_bytes=1024 * MB)))


def test_output_without_end_does_not_grow_the_keeper(play: Play, backend: Backend) -> None:
    assert isinstance(backend, NamespaceBackend)
    (keeper,) = psutil.Process(backend.channel._process.pid).children()

    def most() -> int:
        lines = Path(f"/proc/{keeper.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) << 10 for line in lines if line.startswith("VmHWM:"))

    async def body(box: Sandbox) -> None:
        before = most()
        ran = await box.run("head -c 100000000 /dev/zero; (yes & ) ; echo end", timeout_s=120)
        assert ran.truncated > 90_000_000 and most() - before < 8 * MB

    play(body, Spec(limits=Limits(output_bytes=100_000)))
