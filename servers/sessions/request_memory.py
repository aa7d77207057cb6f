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


class _OfOneKey(OrderedDict[str, _Remembered]):
    """What one key has asked for, by request_id, the oldest first."""

    num_answers = num_bytes = 0

    def forget_oldest(self) -> tuple[str, bytes]:
        """Forget the oldest answer; return its request_id and it."""
        oldest, kept = next((id, kept) for id, kept in self.items() if kept.answer is not None)
        del self[oldest]
        assert kept.answer is not None, "just looked for"
        self.num_answers -= 1
        self.num_bytes -= len(kept.answer)
        return oldest, kept.answer


class RequestMemory:
    """Requests that are done once, and the bytes that every repetition is given.

    Keys share the room: where it is full, the key whose answers take the most of it
    forgets its oldest, so that no key can make another forget. A request repeated
    after that is done again, and what it makes is left to the lease.

    Args:
        max_requests: how many answers are kept.
        max_bytes: how long they may be together; the last answer of a key is kept however long.
        on_forget: called with the key and the request_id of an answer that is forgotten.
    """

    def __init__(
        self,
        max_requests: int,
        max_bytes: int = 64 << 20,
        on_forget: Callable[[str, str], object] = lambda *_: None,
    ) -> None:
        self._on_forget = on_forget
        self._max_requests, self._max_bytes = max_requests, max_bytes
        self._of: dict[str, _OfOneKey] = {}
        self._num_answers = self._num_bytes = 0

    def restore(self, owner: str, request_id: str, digest: bytes, answer: bytes) -> None:
        """Remember an answer that a journal holds."""
        self._of.setdefault(owner, _OfOneKey())[request_id] = _Remembered(digest)
        self._answered(owner, request_id, answer)

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
        digest = hashlib.blake2b(body, digest_size=16).digest()
        mine = self._of.setdefault(owner, _OfOneKey())
        kept = mine.get(request_id)
        if kept is None:
            kept = mine[request_id] = _Remembered(digest)
            kept.running = asyncio.ensure_future(self._work(owner, request_id, kept, work))
            kept.running.add_done_callback(_retrieve)
        elif kept.digest != digest:
            raise Refused(request_id_reused(request_id))
        if kept.answer is not None:
            return kept.answer
        assert kept.running is not None, "an answer is kept or on its way"
        return await asyncio.shield(kept.running)

    async def _work(
        self, owner: str, request_id: str, kept: _Remembered, work: Callable[[bytes], Awaitable[bytes]]
    ) -> bytes:
        try:
            answer = await work(kept.digest)
        except BaseException:
            del self._of[owner][request_id]
            raise
        finally:
            kept.running = None
        self._answered(owner, request_id, answer)
        return answer

    def _answered(self, owner: str, request_id: str, answer: bytes) -> None:
        """Keep an answer, and make room for it."""
        mine = self._of[owner]
        mine[request_id].answer = answer
        mine.num_answers += 1
        mine.num_bytes += len(answer)
        self._num_answers += 1
        self._num_bytes += len(answer)
        while (many := self._num_answers > self._max_requests) or self._num_bytes > self._max_bytes:
            shares = [(owner, share) for owner, share in self._of.items() if share.num_answers > 1]
            if not shares:
                return
            whose, largest = max(shares, key=lambda one: one[1].num_answers if many else one[1].num_bytes)
            forgotten, former = largest.forget_oldest()
            self._num_answers -= 1
            self._num_bytes -= len(former)
            self._on_forget(whose, forgotten)


def _retrieve(task: asyncio.Task[bytes]) -> None:
    """Mark the exception of a task that nobody awaits any more as seen."""
    if not task.cancelled():
        task.exception()
