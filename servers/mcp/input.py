"""Standard input as lines that are waited for, so that a signal ends the wait; and bounded."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import AsyncIterator
from pathlib import Path

MAX_LINE_BYTES = 1 << 20
_STDIN = 0


def can_be_waited_for() -> bool:
    """Tell whether standard input is a pipe, a socket or a terminal, and no file."""
    mode = os.fstat(_STDIN).st_mode
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or os.isatty(_STDIN)


async def lines_of_stdin() -> AsyncIterator[str]:
    """Yield the lines of standard input to its end; one that is too long comes as an empty one.

    What runs in this process, or is started by it, finds an empty input meanwhile.
    """
    reader = asyncio.StreamReader(MAX_LINE_BYTES)
    own = os.dup(_STDIN)
    with Path(os.devnull).open("rb") as nothing:
        os.dup2(nothing.fileno(), _STDIN)
    pipe = os.fdopen(own, "rb", buffering=0)
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), pipe
    )
    try:
        while True:
            try:
                line = await reader.readline()
            except ValueError:
                yield "\n"
                continue
            if not line:
                return
            yield line.decode("utf-8", "replace")
    finally:
        transport.close()
