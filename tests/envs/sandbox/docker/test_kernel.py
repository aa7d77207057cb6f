"""What the kernel knows to have ended, and an engine that hears of it late or never; its words are ours."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Iterator
from typing import Any, cast

import pytest

from turnwise.envs.sandbox import SandboxError
from turnwise.envs.sandbox.docker import kernel, running
from turnwise.envs.sandbox.docker.command import Command
from turnwise.envs.sandbox.docker.engine import Engine
from turnwise.envs.sandbox.docker.fleet import Fleet

_NEVER = 1 << 60


@pytest.fixture
def dead() -> Iterator[int]:
    """Yield the number of a process that has ended and that nobody has asked after."""
    with subprocess.Popen(["true"]) as process:
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        yield process.pid


class Late:
    """An engine that says of everything that it runs, until it was asked often enough."""

    def __init__(self, pid: int, asked: int, *, sees_processes: bool = True) -> None:
        self.pid, self.left, self.sees_processes = pid, asked, sees_processes

    async def call(self, method: str, name: str) -> dict[str, Any]:
        self.left -= 1
        state = {"Running": self.left > 0, "ExitCode": 3 if self.left <= 0 else None, "Pid": self.pid}
        return {"State": state} if method == "inspect_container" else state


def outcome(engine: Late, limit_s: float) -> int | None:
    """Return the exit code of a command, as the engine tells of it."""

    async def body() -> int | None:
        silent = asyncio.create_task(asyncio.sleep(0))
        command = Command(["x"], user="1", limit_s=limit_s)
        return await running._outcome(cast(Engine, engine), "e", command, cast(Any, silent))

    return asyncio.run(body())


def test_what_has_ended_is_told_from_what_runs_and_whose_it_is(dead: int) -> None:
    assert kernel.has_ended(dead) and not kernel.has_ended(os.getpid())
    with subprocess.Popen(["true"]) as gone:
        pass
    assert kernel.has_ended(gone.pid)
    assert not kernel.is_of(gone.pid, "") and kernel.is_of(os.getpid(), "")
    assert not kernel.is_of(os.getpid(), "a" * 64)
    assert not kernel.is_behind({"Running": True, "Pid": 0})  # it is about to begin


def test_the_end_of_a_command_is_waited_for_until_the_engine_has_heard_of_it(
    dead: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert outcome(Late(dead, 12), 0.01) == 3
    assert outcome(Late(os.getpid(), _NEVER), 0.01) is None
    assert outcome(Late(dead, _NEVER, sees_processes=False), 0.01) is None
    monkeypatch.setattr(kernel, "UNHEARD_S", 0.05)
    for limit_s in (0.01, 60.0):
        with pytest.raises(SandboxError, match="missed the end of a command"):
            outcome(Late(dead, _NEVER), limit_s)


def test_a_container_whose_first_process_has_ended_does_not_run_whatever_the_engine_says(
    dead: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def of(engine: Late) -> Fleet:
        return Fleet(cast(Engine, engine))

    async def body() -> None:
        assert not await of(Late(dead, _NEVER)).lives("c", "1")
        assert await of(Late(os.getpid(), _NEVER)).lives("c", "1")
        assert not (await of(Late(dead, 3)).state("c"))["Running"]
        assert (await of(Late(os.getpid(), _NEVER)).state("c"))["Running"]
        monkeypatch.setattr(kernel, "UNHEARD_S", 0.05)
        with pytest.raises(SandboxError, match="missed the end of the container"):
            await of(Late(dead, _NEVER)).state("c")

    asyncio.run(body())
