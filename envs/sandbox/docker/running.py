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
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ..errors import SandboxError
from .containers import WAITER
from .engine import Away, Engine, NotStarted, is_of_absence, unreachable, while_away
from .output import Output
from .wire import Refused, Stream

log = logging.getLogger("turnwise.envs")

_POLLS_S = (0.1, 0.1, 0.2, 0.2, 0.4)  # then the last again
_DRAIN_S, _DRAIN_KILLED_S = 10.0, 1.0
_KILL_S = 10.0
_SLACK_TICKS = 10  # of 10 ms
_COULD_NOT_START = 126
_BY_RUNTIME = "OCI runtime exec failed"
_MAX_BYTES = 1 << 20

_KILLER = r"""
start_of() {  # sets: state, parent, began (in ticks) of process $1
    text=
    { while IFS= read -r line || [ -n "$line" ]; do text="$text $line"; done < "/proc/$1/stat"; } 2>/dev/null
    [ -n "$text" ] || return 1
    set -- ${text##*)}
    state=$1 parent=$2 began=${20}
}
is_new() {  # was $1 started since, and nothing that it descends from before?
    start_of "$1" || return 1
    [ "$state" != Z ] && [ "$began" -ge "$since" ] || return 1
    while [ "$parent" -gt 1 ]; do
        start_of "$parent" || return 0
        [ "$began" -ge "$since" ] || return 1
    done
    return 0
}
case $1 in
    =*) since=${1#=} ;;
    *) read -r now rest < /proc/uptime; since=$((${now%.*}${now#*.} - $1)) ;;
esac
rounds=0
while [ $rounds -lt 200 ]; do
    found=
    for folder in /proc/[0-9]*; do
        pid=${folder#/proc/}
        [ "$pid" = $$ ] || [ "$pid" = 1 ] && continue
        is_new "$pid" && kill -9 "$pid" 2>/dev/null && found=1
    done
    [ -n "$found" ] || exit 0
    rounds=$((rounds + 1))
done
exit 1
"""


@dataclass(frozen=True, slots=True)
class Command:
    """What is run.

    Args:
        words: program and arguments.
        user: `uid:gid`, or a name of the image.
        limit_s: seconds by the clock.
        stdin: what it reads.
        env: variables beside the container's.
        output_bytes: how much of its output is kept.
        stop: set by who else wants it ended, as when the disk is full.
        mark: what it writes behind its output, before it waits for the end of its input; without one the
            output ends when nobody can write there any more.
    """

    words: Sequence[str]
    user: str
    limit_s: float = 30.0
    stdin: bytes | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    output_bytes: int = _MAX_BYTES
    stop: asyncio.Event | None = None
    mark: bytes = b""


def new_mark() -> str:
    """Return what no output holds by chance. Who guesses it shortens his own output, no more."""
    return uuid.uuid4().hex


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
    exec_id = (await _create(engine, container, command))["Id"]
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
            ended.leftovers = not await kill_since(engine, container, command.user, ended.seconds)
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
    if is_of_absence(error.text):
        raise NotStarted(f"the Docker engine: {error.text}") from error
    if error.status in (404, 409):
        raise SandboxError(f"the container cannot run a command: {error.text}") from error
    ended.exit_code, ended.leftovers = _COULD_NOT_START, True
    return ended


def _never_ran(error: _NeverRan, ended: Ended) -> Ended:
    """Judge by what the engine wrote in place of the command, which never wrote anything."""
    text = ended.output.text()[0].strip()
    if is_of_absence(text):
        raise NotStarted(f"the Docker engine: {text}")
    if not text.startswith(_BY_RUNTIME):
        raise SandboxError(f"the Docker engine did not start a command: {text[:500]}")
    ended.exit_code = error.exit_code
    return ended


async def _create(engine: Engine, container: str, command: Command) -> dict[str, str]:
    try:
        made: dict[str, str] = await engine.call(
            "exec_create",
            container,
            list(command.words),
            stdin=command.stdin is not None or bool(command.mark),
            user=command.user,
            environment=dict(command.env),
            workdir="/",
        )
    except Away as error:
        raise NotStarted(str(error)) from error
    return made


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
                break
            sure = max(0, len(held) - len(mark) + 1) if mark else len(held)
            ended.output.add(held[:sure])
            held = held[sure:]
        ended.is_whole = True
    finally:
        ended.output.add(held)


async def _outcome(engine: Engine, exec_id: str, command: Command, pump: asyncio.Task[None]) -> int | None:
    """Wait for the exit code; None if the time is over, or somebody wants the command ended."""
    watch = asyncio.create_task(_exit_code(engine, exec_id, pump))
    stop = asyncio.create_task(command.stop.wait()) if command.stop else None
    tasks = {watch, *([stop] if stop else [])}
    try:
        await asyncio.wait(tasks, timeout=command.limit_s, return_when=asyncio.FIRST_COMPLETED)
        return await watch if watch.done() else None
    finally:
        for task in tasks:
            task.cancel()


async def _exit_code(engine: Engine, exec_id: str, pump: asyncio.Task[None]) -> int:
    polls = 0
    while True:
        pause = _POLLS_S[min(polls, len(_POLLS_S) - 1)]
        if pump.done():
            pause = min(0.002 * 2**polls, 0.1)
            await asyncio.sleep(pause if polls else 0)
        else:
            await asyncio.wait({pump}, timeout=pause)
        polls = 0 if pump.done() and pause in _POLLS_S else polls + 1
        state = await engine.call("exec_inspect", exec_id)
        if not state["Running"] and state["ExitCode"] is not None:
            if not state["Pid"]:
                raise _NeverRan(int(state["ExitCode"]))
            return int(state["ExitCode"])


async def _drain(pump: asyncio.Task[None], ended: Ended) -> None:
    """Take what the command had written when it ended; what holds its output open does so for a while."""
    limit_s = _DRAIN_KILLED_S if ended.leftovers else _DRAIN_S
    await asyncio.wait({pump}, timeout=limit_s)
    if not pump.done():
        log.info("a command's output has no end %g s after its own: it may not be whole", limit_s)
        pump.cancel()
        await asyncio.wait({pump})


async def kill_since(engine: Engine, container: str, user: str, seconds: float) -> bool:
    """Kill what was started in the last seconds and does not descend from something older.

    Returns:
        Whether that is certain; otherwise the container has to be started anew.
    """
    if engine.is_local:  # one clock: however late the script starts, it knows since when
        ticks = f"={int((time.clock_gettime(time.CLOCK_BOOTTIME) - seconds) * 100) - _SLACK_TICKS}"
    else:
        ticks = str(int(seconds * 100) + 20 * _SLACK_TICKS)
    words = ["/bin/sh", "-c", _KILLER, "turnwise", ticks]
    try:
        async with asyncio.timeout(_KILL_S):
            ended = await _run_killer(engine, container, Command(words, user=user))
    except (SandboxError, TimeoutError):
        return False
    return ended == 0 and not await _some_left(engine, container, seconds)


async def _run_killer(engine: Engine, container: str, command: Command) -> int | None:
    exec_id = (await _create(engine, container, command))["Id"]
    try:
        stream = await engine.wire.exec_start(exec_id)
    except (Refused, OSError):
        return None
    try:
        async for _ in stream.chunks():
            pass
    finally:
        stream.close()
    code = (await engine.call("exec_inspect", exec_id))["ExitCode"]
    return None if code is None else int(code)


async def _some_left(engine: Engine, container: str, seconds: float) -> bool:
    """Ask the engine itself, whom a box cannot deceive, for what runs and is younger; to a second."""
    found = await processes(engine, container)
    young = {pid for pid, (_, age) in found.items() if age < int(seconds) - 1}

    def descends_from_older(pid: int) -> bool:
        parent = found[pid][0]
        return parent in found and (parent not in young or descends_from_older(parent))

    return any(not descends_from_older(pid) for pid in young)


async def processes(engine: Engine, container: str) -> dict[int, tuple[int, int]]:
    """Return process -> (parent, seconds since its start) of all but the first one and what it waits for.

    The numbers are those of the engine's machine.
    """
    top = await engine.call("top", container, "-eo pid,ppid,etimes,uid,state,args")
    first = (await engine.call("inspect_container", container))["State"]["Pid"]
    found, first_user = {}, ""
    for pid, parent, age, user, state, words in top["Processes"]:
        if int(pid) == first:
            first_user = user
        elif state[0] != "Z":
            found[int(pid)] = (int(parent), int(age), user, words)
    return {
        pid: (parent, age)
        for pid, (parent, age, user, words) in found.items()
        if not (parent == first and user == first_user and words == WAITER)
    }
