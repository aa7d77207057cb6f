"""Answers to create and fork, kept so that a repeated request is not done twice."""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from ..protocol.problems import Refused, request_id_reused


@dataclass(slots=True)
class _Remembered:
    digest: bytes
    answer: bytes | None = None
    running: asyncio.Task[bytes] | None = None


class RequestMemory:
    """Requests that are done once, and the bytes that every repetition is given.

    Args:
        max_requests: how many answers are kept; the oldest make room. A request
            repeated after that is done again, and what it makes is left to the lease.
    """

    def __init__(self, max_requests: int) -> None:
        self._max = max_requests
        self._remembered: OrderedDict[tuple[str, str], _Remembered] = OrderedDict()

    def restore(self, owner: str, request_id: str, digest: bytes, answer: bytes) -> None:
        """Remember an answer that a journal holds."""
        self._remembered[owner, request_id] = _Remembered(digest, answer)
        self._trim()

    async def once(
        self, owner: str, request_id: str, body: bytes, work: Callable[[bytes], Awaitable[bytes]]
    ) -> bytes:
        """Return the remembered answer, join the request that still runs, or do the work.

        Args:
            owner: the key that asks; the same request_id of two keys is two requests.
            request_id: made by the client.
            body: what was asked, in one canonical form.
            work: gets the digest of the body and returns the answer; if it
                refuses, nothing is kept.

        Raises:
            Refused: if the request_id came with another body before.
        """
        key, digest = (owner, request_id), hashlib.blake2b(body, digest_size=16).digest()
        kept = self._remembered.get(key)
        if kept is None:
            kept = self._remembered[key] = _Remembered(digest)
            kept.running = asyncio.ensure_future(self._work(key, kept, work))
            kept.running.add_done_callback(_retrieve)
        elif kept.digest != digest:
            raise Refused(request_id_reused(request_id))
        if kept.answer is not None:
            return kept.answer
        assert kept.running is not None, "an answer is kept or on its way"
        return await asyncio.shield(kept.running)

    async def _work(
        self, key: tuple[str, str], kept: _Remembered, work: Callable[[bytes], Awaitable[bytes]]
    ) -> bytes:
        try:
            kept.answer = await work(kept.digest)
        finally:
            kept.running = None
            if kept.answer is None:
                self._remembered.pop(key, None)
        self._trim()
        return kept.answer

    def _trim(self) -> None:
        while len(self._remembered) > self._max:
            key = next((key for key, kept in self._remembered.items() if kept.running is None), None)
            if key is None:
                return
            del self._remembered[key]


def _retrieve(task: asyncio.Task[bytes]) -> None:
    """Mark the exception of a task that nobody awaits any more as seen."""
    if not task.cancelled():
        task.exception()
