"""One command in a container: its output within bounds, its time limit, the end of all of its processes.

The engine says when the command itself has ended; what it left in the background may hold its output open
for as long as it likes, and two seconds after the command's end the engine drops what is still on its way, as
on a busy machine. So a command whose output matters writes a mark behind it, and ends when the mark has come
and its input is closed for it. At the time limit everything that was started since is killed from inside, as
the box's own user, by a script that needs no other program than the shell.
"""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass
from typing import Any

from ..errors import SandboxError
from . import kernel
from .command import Command, created
from .engine import Engine, NotStarted, is_of_absence, is_of_no_connection, unreachable, while_away
from .killing import kill_since
from .output import Output
from .wire import Refused, Stream

log = logging.getLogger("turnwise.envs")

_POLLS_S: tuple[float, ...] = (0.1, 0.1, 0.2, 0.2, 0.4)  # then the last again
_POLLS_AFTER_S: tuple[float, ...] = (0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.1)  # of its output
_DRAIN_S, _DRAIN_KILLED_S = 10.0, 1.0
_COULD_NOT_START = 126
_BY_RUNTIME = "OCI runtime exec failed"


@dataclass(slots=True)
class Ended:
    """What became of it; no exit code if it had to be ended.

    Args:
        output: what it wrote; errors are in it only where the command itself joined them.
        errors: what it wrote to its standard error.
        exit_code: as the engine says.
        seconds: from asking to the end.
        leftovers: whether something may still hold on to what the command started.
        is_whole: whether all that it wrote has come.
    """

    output: Output
    errors: Output
    exit_code: int | None = None
    seconds: float = 0.0
    leftovers: bool = False
    is_whole: bool = False


async def run(engine: Engine, container: str, command: Command) -> Ended:
    """Run a command and wait for its end, or end it.

    Raises:
        Missing, Conflict: if the container is gone or does not run.
        SandboxError: if the engine fails, longer than a moment if the command had not begun.
    """
    return await while_away(lambda: _run(engine, container, command), NotStarted)


async def _run(engine: Engine, container: str, command: Command) -> Ended:
    ended = Ended(Output(command.output_bytes), Output(1 << 14))
    started = time.monotonic()
    exec_id = await created(engine, container, command)
    asked = time.monotonic()  # no process of it is older
    try:
        stream = await engine.wire.exec_start(exec_id)
    except Refused as error:
        return _refused(error, ended)
    except OSError as error:
        raise unreachable(error) from error
    pump = asyncio.create_task(_pump(stream, ended, command.mark))
    feeding = asyncio.create_task(_feed(stream, command, pump))
    try:
        ended.exit_code = await _outcome(engine, exec_id, command, pump)
        ended.seconds = time.monotonic() - started
        if ended.exit_code is None:
            ended.leftovers = not await kill_since(engine, container, command.user, time.monotonic() - asked)
        await _drain(pump, ended)
    except _NeverRan as error:
        await _drain(pump, ended)
        return _never_ran(error, ended)
    finally:
        for task in (feeding, pump):
            task.cancel()
        stream.close()
    return ended


class _NeverRan(Exception):
    """A command of which there was no process; the exit code is the engine's own."""

    def __init__(self, exit_code: int) -> None:
        super().__init__(exit_code)
        self.exit_code = exit_code


def _refused(error: Refused, ended: Ended) -> Ended:
    """Take an error of the engine for what it is: the machine's, or that the box is too full to begin."""
    if is_of_no_connection(error.text):
        raise NotStarted(f"the Docker engine: {error.text}") from error
    if error.status in (404, 409) or is_of_absence(error.text):
        raise SandboxError(f"the container cannot run a command: {error.text}") from error
    ended.exit_code, ended.leftovers = _COULD_NOT_START, True
    return ended


def _never_ran(error: _NeverRan, ended: Ended) -> Ended:
    """Judge by what the engine wrote in place of the command, which never wrote anything."""
    text = ended.output.text()[0].strip()
    if is_of_no_connection(text):
        raise NotStarted(f"the Docker engine: {text}")
    if not text.startswith(_BY_RUNTIME):
        raise SandboxError(f"the Docker engine did not start a command: {text[:500]}")
    ended.exit_code = error.exit_code
    return ended


async def _feed(stream: Stream, command: Command, pump: asyncio.Task[None]) -> None:
    """Send what a command reads, and the end of it: at once, or when its mark has come."""
    sending = asyncio.create_task(stream.send(command.stdin or b""))
    try:
        await asyncio.wait({pump} if command.mark else {sending})
        stream.end()
    finally:
        sending.cancel()  # what ended without reading it


async def _pump(stream: Stream, ended: Ended, mark: bytes) -> None:
    """Take what is written, up to the mark or the end."""
    held = b""  # may be the beginning of the mark
    try:
        async for kind, chunk in stream.chunks():
            if kind == 2:
                ended.errors.add(chunk)
                continue
            held += chunk
            if mark and (at := held.find(mark)) >= 0:
                held = held[:at]
                ended.is_whole = True
                break
            sure = max(0, len(held) - len(mark) + 1) if mark else len(held)
            ended.output.add(held[:sure])
            held = held[sure:]
        else:
            ended.is_whole = not mark
    finally:
        ended.output.add(held)


async def _outcome(engine: Engine, exec_id: str, command: Command, pump: asyncio.Task[None]) -> int | None:
    """Wait for the exit code; None if the time is over, or somebody wants the command ended."""
    watch = asyncio.create_task(_exit_code(engine, exec_id, pump))
    stop = asyncio.create_task(command.stop.wait()) if command.stop else None
    tasks = {watch, *([stop] if stop else [])}
    try:
        done, _ = await asyncio.wait(tasks, timeout=command.limit_s, return_when=asyncio.FIRST_COMPLETED)
        if not done and engine.sees_processes and kernel.is_behind(await _inspected(engine, exec_id)):
            return await watch  # it ended in time
        return await watch if watch.done() else None
    finally:
        for task in tasks:
            task.cancel()


async def _exit_code(engine: Engine, exec_id: str, pump: asyncio.Task[None]) -> int:
    polls, pauses, behind_since = 0, _POLLS_S, 0.0
    while True:
        if pump.done() and pauses is _POLLS_S:
            polls, pauses = 0, _POLLS_AFTER_S
        pause = pauses[min(polls, len(pauses) - 1)]
        await (asyncio.sleep(pause) if pump.done() else asyncio.wait({pump}, timeout=pause))
        polls += 1
        state = await _inspected(engine, exec_id)
        if not state["Running"] and state["ExitCode"] is not None:
            if not state["Pid"]:
                raise _NeverRan(int(state["ExitCode"]))
            return int(state["ExitCode"])
        if engine.sees_processes and kernel.is_behind(state):
            behind_since = behind_since or time.monotonic()
            if time.monotonic() - behind_since > kernel.UNHEARD_S:
                raise SandboxError(f"the Docker engine missed the end of a command ({exec_id[:12]})")


async def _inspected(engine: Engine, exec_id: str) -> dict[str, Any]:
    state: dict[str, Any] = await engine.call("exec_inspect", exec_id)
    return state


async def _drain(pump: asyncio.Task[None], ended: Ended) -> None:
    """Take what the command had written when it ended; what holds its output open does so for a while."""
    limit_s = _DRAIN_KILLED_S if ended.leftovers else _DRAIN_S
    await asyncio.wait({pump}, timeout=limit_s)
    if not pump.done():
        log.info("a command's output has no end %g s after its own: it may not be whole", limit_s)
        pump.cancel()
        await asyncio.wait({pump})
