"""What is run in a container, and how the engine is told of it."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from .engine import Away, Engine, NotStarted

_MAX_BYTES = 1 << 20


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


async def created(engine: Engine, container: str, command: Command) -> str:
    """Tell the engine of a command and return what it calls it; it does not run yet.

    Raises:
        NotStarted: if the engine is away.
        Missing, Conflict: if the container is gone or does not run.
    """
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
    return made["Id"]
