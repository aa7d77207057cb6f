"""The end of what was started in a container since some moment, and what runs there.

It is killed from inside, as the box's own user, by a script that needs no other program than the shell.
"""

from __future__ import annotations

import asyncio
import time

from ..errors import SandboxError
from .command import Command, created
from .containers import WAITER
from .engine import Engine
from .wire import Refused

_KILL_S = 10.0
_SLACK_ELSEWHERE_TICKS = 200  # of 10 ms

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


async def kill_since(engine: Engine, container: str, user: str, seconds: float) -> bool:
    """Kill what was started in the last seconds and does not descend from something older.

    Returns:
        Whether that is certain; otherwise the container has to be started anew.
    """
    if engine.is_local:  # one clock: however late the script starts, it knows since when, to 10 ms
        ticks = f"={int((time.clock_gettime(time.CLOCK_BOOTTIME) - seconds) * 100)}"
    else:
        ticks = str(int(seconds * 100) + _SLACK_ELSEWHERE_TICKS)
    words = ["/bin/sh", "-c", _KILLER, "turnwise", ticks]
    try:
        async with asyncio.timeout(_KILL_S):
            ended = await _run_killer(engine, container, Command(words, user=user))
    except (SandboxError, TimeoutError):
        return False
    return ended == 0 and not await _some_left(engine, container, seconds)


async def _run_killer(engine: Engine, container: str, command: Command) -> int | None:
    exec_id = await created(engine, container, command)
    try:
        stream = await engine.wire.exec_start(exec_id)
    except (Refused, OSError):
        return None
    try:
        async for _ in stream.chunks():
            pass
    finally:
        stream.close()
    while (state := await engine.call("exec_inspect", exec_id))["Running"]:  # it hears of the end later
        await asyncio.sleep(0.01)
    return None if state["ExitCode"] is None else int(state["ExitCode"])


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
