"""The library's loop thread: one a process, cancelled by its callers, ended with the interpreter."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading

import pytest

from turnwise.envs.sandbox.loop import call, submit
from turnwise.errors import UsageError


async def where() -> int:
    return threading.get_ident()


def test_all_calls_share_one_thread_that_is_not_the_callers() -> None:
    assert call(where()) == submit(where()).result() != threading.get_ident()


def test_a_caller_with_a_loop_awaits_and_goes_on_meanwhile() -> None:
    async def main() -> list[str]:
        order: list[str] = []
        event = asyncio.Event()

        async def other() -> None:
            order.append("meanwhile")
            event.set()

        task = asyncio.ensure_future(other())
        await asyncio.wrap_future(submit(asyncio.sleep(0.05)))
        order.append("after")
        await task
        return order

    assert asyncio.run(main()) == ["meanwhile", "after"]


def test_what_is_raised_reaches_the_caller() -> None:
    async def fail() -> None:
        raise KeyError("gone")

    with pytest.raises(KeyError, match="gone"):
        call(fail())


def test_cancelling_the_future_cancels_the_coroutine() -> None:
    started, ended = threading.Event(), threading.Event()

    async def wait() -> None:
        started.set()
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()

    future = submit(wait())
    assert started.wait(5)
    future.cancel()
    assert ended.wait(5)


def test_the_loop_does_not_wait_for_itself() -> None:
    async def inner() -> None:
        call(where())

    with pytest.raises(UsageError, match="await the asynchronous form"):
        call(inner())


PROGRAM = """
import asyncio, os, sys
from turnwise.envs.sandbox.loop import at_end, call, submit

async def said(word):
    print(word, flush=True)

async def for_ever():
    try:
        await asyncio.sleep(3600)
    except asyncio.CancelledError:
        print("cancelled", flush=True)
        raise

call(said("parent"))
at_end(lambda: said("first given"))
at_end(lambda: said("last given"))
submit(for_ever())
call(asyncio.sleep(0))
child = os.fork()
if not child:
    call(said("child"))
    sys.exit(0)
os.waitpid(child, 0)
"""


def test_a_fork_has_a_loop_of_its_own_and_endings_are_done_once() -> None:
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", PROGRAM], capture_output=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.decode().split("\n") == [
        "parent",
        "child",
        "last given",
        "first given",
        "cancelled",
        "",
    ]
