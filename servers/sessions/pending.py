"""Answers that may still be on their way, and how they are waited for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable
from typing import TypeVar

from ..protocol.types import Problem

K = TypeVar("K")
Pending = bytes | Problem | asyncio.Task[bytes | Problem]
"""An encoded reply or a problem, or the task that will give one."""


async def settled(pending: Pending) -> bytes | Problem:
    """Wait for an answer without cancelling the work behind it."""
    return await asyncio.shield(pending) if isinstance(pending, asyncio.Task) else pending


async def in_order(pending: Iterable[Pending]) -> list[bytes | Problem]:
    """Wait for many answers, in order."""
    return list(await asyncio.gather(*[settled(answer) for answer in pending]))


async def as_completed(
    pending: Iterable[tuple[K, Pending]], pause_s: float | None = None
) -> AsyncGenerator[list[tuple[K, bytes | Problem]], None]:
    """Wait for many answers and give (key, answer) of those that are done, in order of completion.

    Args:
        pending: each answer under a key; one that is named again is given under its first key.
        pause_s: after so many seconds with nothing done an empty list is given.
    """
    waiting: dict[asyncio.Task[bytes | Problem], K] = {}
    done: list[tuple[K, bytes | Problem]] = []
    for key, answer in pending:
        if isinstance(answer, asyncio.Task):
            waiting.setdefault(answer, key)
        else:
            done.append((key, answer))
    if done:
        yield done
    while waiting:
        ready, _ = await asyncio.wait(waiting, timeout=pause_s, return_when=asyncio.FIRST_COMPLETED)
        yield [(waiting.pop(task), task.result()) for task in ready]
