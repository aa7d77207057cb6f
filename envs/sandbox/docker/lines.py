"""One line of bash as a command of a container, and what became of it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from ....errors import UsageError
from ..box import Ran
from .command import Command, new_mark
from .running import Ended

_CHUNK = 30_000  # characters of at most four bytes: the kernel takes 128 KiB in one argument
_LONGEST_BYTES = 3 << 19  # it takes 2 MiB in all
_RELAYED = "exec > >(cat; exec cat > /dev/null) 2>&1; "
"""What a line writes goes through a process that still reads when the call is over and nobody listens, so
that what was left in the background does not die of its own words."""
_SCRIPT = (
    _RELAYED + 'cd "$2" && { exec 2> /dev/null; bash -c %s 2>&1; }; code=$?; printf %%s "$1"; %s; exit $code'
)
"""The shell that waits says nothing itself, as that a line was killed; see `running` for why it waits."""
_SHORT, _LONG = '"$3" bash', '\'eval "$(IFS=; printf %s "$*")"\' bash "${@:3}"'


_SIGNALS = range(129, 193)  # exit codes of what a signal ended; ssh says 255 by itself


def line(
    command: str,
    *,
    timeout_s: float,
    stdin: bytes | None,
    cwd: str,
    env: Mapping[str, str],
    user: str,
    output_bytes: int,
    stop: asyncio.Event,
) -> Command:
    """Return the command that runs a line with both of its streams joined.

    Raises:
        UsageError: if the line, the time or a variable cannot be.
    """
    if "\0" in command or (size := len(command.encode("utf-8", "replace"))) > _LONGEST_BYTES:
        what = "a command with NUL" if "\0" in command else f"a command of {size} bytes"
        raise UsageError(f"{what}; expected text of at most {_LONGEST_BYTES}: write what is long into a file")
    if not timeout_s > 0:
        raise UsageError(f"timeout_s={timeout_s!r}; expected seconds above 0")
    for name, value in env.items():
        if not name or "=" in name or "\0" in name + value:
            raise UsageError(f"the variable {name!r} cannot be set; expected no '=' in it and no NUL")
    pieces = [command[at : at + _CHUNK] for at in range(0, len(command), _CHUNK)] or [""]
    told, wait = _SHORT if len(pieces) == 1 else _LONG, "read -r"
    given = "< /dev/null"
    if stdin is not None:
        given, wait = f"< <(head -c {len(stdin)})", "cat > /dev/null"
    mark = new_mark()
    return Command(
        ["bash", "-c", _SCRIPT % (f"{told} {given}", wait), "turnwise", mark, cwd, *pieces],
        user=user,
        limit_s=timeout_s,
        stdin=stdin,
        env=env,
        output_bytes=output_bytes,
        stop=stop,
        mark=mark.encode(),
    )


def result(ended: Ended, *, stopped: str, out_of_memory: bool) -> Ran:
    """Say what became of a line.

    Args:
        ended: how its command ended.
        stopped: the limit for which it was stopped, if it was.
        out_of_memory: whether the box ran out of it meanwhile.
    """
    output, truncated = ended.output.text()
    ran = Ran(ended.exit_code, output, truncated, ended.seconds, "exit")
    if stopped:
        return ran._replace(exit_code=None, output=f"{output}\n[stopped: {stopped}]\n", cause="killed")
    if ended.exit_code is None:
        return ran._replace(cause="timeout")
    if out_of_memory:
        return ran._replace(cause="memory")
    return ran._replace(cause="killed") if ended.exit_code in _SIGNALS else ran
