"""One line of bash as a command of a container."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from ....errors import UsageError
from .running import Command

_CHUNK = 30_000  # characters of at most four bytes: the kernel takes 128 KiB in one argument
_LONGEST = 400_000  # characters; it takes 2 MiB in all
_SHORT = 'exec 2>&1; cd "$1" || exit 1; exec bash -c "$2" bash'
_LONG = 'exec 2>&1; cd "$1" || exit 1; shift; exec bash -c \'eval "$(IFS=; printf %s "$*")"\' bash "$@"'


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
    if "\0" in command or len(command) > _LONGEST:
        raise UsageError(
            f"a command of {len(command)} characters; expected at most {_LONGEST} without NUL: "
            "write what is long into a file"
        )
    if not timeout_s > 0:
        raise UsageError(f"timeout_s={timeout_s!r}; expected seconds above 0")
    for name, value in env.items():
        if not name or "=" in name or "\0" in name + value:
            raise UsageError(f"the variable {name!r} cannot be set; expected no '=' in it and no NUL")
    pieces = [command[at : at + _CHUNK] for at in range(0, len(command), _CHUNK)] or [""]
    script = _SHORT if len(pieces) == 1 else _LONG
    return Command(
        ["/bin/sh", "-c", script, "turnwise", cwd, *pieces],
        user=user,
        limit_s=timeout_s,
        stdin=stdin,
        env=env,
        output_bytes=output_bytes,
        stop=stop,
    )
