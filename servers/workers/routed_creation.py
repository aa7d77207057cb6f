"""Create and fork where several workers hold the sessions.

One worker, decided by the key and the request_id, is the home of a request: it
finds the room, keeps the answer, and has the parts done. Created sessions are
spread evenly; copies are made where the original is. A part is done once
for its request, too, so that a home that died in the middle makes nothing twice.
"""

from __future__ import annotations

import asyncio
import hashlib
import zlib
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby, pairwise
from typing import Protocol

import orjson

from ..http.keys import Caller
from ..http.messages import Response
from ..protocol.encoding import problem_from
from ..protocol.problems import Refused
from ..protocol.types import CreateItem, ForkItem, ResetItem, StepItem
from ..sessions.creation import Creation, Made
from ..sessions.service import Service

_HEAD, _TAIL = b'{"sessions":[', b"]}"


class Worker(Protocol):
    """Another worker of the same server."""

    async def call(self, name: str, caller: Caller, *arguments: object) -> Response:
        """Make a call; see WorkerConnection."""
        ...


class RoutedCreation(Creation):
    """How sessions come to be, here and at other workers.

    Args:
        service: where the sessions of this worker live.
        worker: its number.
        workers: number -> how to call that other worker.
    """

    def __init__(self, service: Service, worker: int, workers: Mapping[int, Worker]) -> None:
        super().__init__(service)
        self.worker, self._workers = worker, workers
        self._num_workers = len(workers) + 1

    def home_of(self, owner: str, request_id: str | None) -> int:
        """Return which worker answers a request: always the same one for a request_id."""
        if request_id is None:
            return self.worker
        name = f"{owner} {request_id}".encode()
        return int.from_bytes(hashlib.blake2b(name, digest_size=8).digest(), "big") % self._num_workers

    async def make(
        self, owner: str, items: Sequence[CreateItem], request_id: str | None, keep_private: bool, made: Made
    ) -> list[bytes]:
        """Make sessions, an equal share at each worker, this one first; rows may come joined by commas."""
        parts = list(chunks(items, self._num_workers))
        if len(parts) == 1:
            return await super().make(owner, items, request_id, keep_private, made)
        work: list[Awaitable[bytes]] = []
        for number, part in enumerate(parts):
            worker = (self.worker + number) % self._num_workers
            name = request_id and f"{number} {request_id}"
            if worker == self.worker:
                work.append(self.make_part(owner, part, name, keep_private))
            else:
                work.append(self._elsewhere(worker, "make", owner, part, name, keep_private))
        return await _joined(work)

    async def copy(
        self, owner: str, items: Sequence[ForkItem], request_id: str | None, made: Made
    ) -> list[bytes]:
        """Copy sessions where they are; rows may come joined by commas."""
        grouped = groupby(items, lambda item: worker_of(item.id, self._num_workers, self.worker))
        runs = [(worker, list(run)) for worker, run in grouped]
        if len(runs) == 1 and runs[0][0] == self.worker:
            return await super().copy(owner, items, request_id, made)
        work: list[Awaitable[bytes]] = []
        for number, (worker, run) in enumerate(runs):
            name = request_id and f"{number} {request_id}"
            if worker == self.worker:
                work.append(self.copy_part(owner, run, name))
            else:
                work.append(self._elsewhere(worker, "copy", owner, run, name))
        return await _joined(work)

    async def make_part(
        self, owner: str, items: Sequence[CreateItem], request_id: str | None, keep_private: bool
    ) -> bytes:
        """Make a part of what a request asks for, once; the answer is like that of create."""

        async def make(made: Made) -> list[bytes]:
            return await Creation.make(self, owner, items, None, keep_private, made)

        return await self._part(owner, request_id, items, make)

    async def copy_part(self, owner: str, items: Sequence[ForkItem], request_id: str | None) -> bytes:
        """Make a part of the copies that a request asks for, once."""

        async def copy(made: Made) -> list[bytes]:
            return await Creation.copy(self, owner, items, None, made)

        return await self._part(owner, request_id, items, copy)

    async def _part(
        self,
        owner: str,
        request_id: str | None,
        items: Sequence[CreateItem] | Sequence[ForkItem],
        do: Callable[[Made], Awaitable[list[bytes]]],
    ) -> bytes:
        part_owner = f"{owner} part"  # names of keys hold no blank: no client can ask for this

        def made() -> None:
            self.service.ledger.add(owner, 1)

        async def work(digest: bytes) -> bytes:
            return self._answer(part_owner, request_id, digest, await do(made))

        return await self._once("part", part_owner, request_id, [members_of(item) for item in items], work)

    async def _elsewhere(
        self,
        worker: int,
        name: str,
        owner: str,
        items: Sequence[CreateItem] | Sequence[ForkItem],
        *arguments: object,
    ) -> bytes:
        """Have a part done by another worker.

        Raises:
            Refused: if it cannot be for now; what was done is found when the request is repeated.
        """
        rows = [members_of(item) for item in items]
        answer = await self._workers[worker].call(name, Caller(owner), rows, *arguments)
        if answer.status != 200:
            raise Refused(problem_from(orjson.loads(answer.body)), answer.retry_after_s)
        return answer.body


def worker_of(id: str, num_workers: int, default: int) -> int:
    """Return which worker holds a session, as its id says; `default` for what is no such id.

    A session that came from a server of another number of workers, as the name before the dot says that
    it may have, has a worker here all the same, always the same one.
    """
    _, dot, own = id.rpartition(".")
    number = own.partition("-")[0]
    if number.isascii() and number.isdigit() and len(number) < 5:
        if int(number) < num_workers:
            return int(number)
        return int(number) % num_workers if dot else default
    return zlib.crc32(own.encode()) % num_workers if dot else default


def chunks(items: Sequence[CreateItem], num: int) -> Iterator[list[CreateItem]]:
    """Cut what is to be made into at most `num` parts of equal size, in order."""
    total = sum(item.count for item in items)
    bounds = [total * number // num for number in range(num + 1)]
    if total < num:
        bounds = list(range(total + 1))
    for start, end in pairwise(bounds):
        yield list(_cut(items, start, end))


def _cut(items: Sequence[CreateItem], start: int, end: int) -> Iterator[CreateItem]:
    """Give the items that make the sessions from number `start` to before `end`."""
    first = 0
    for item in items:
        low, high = max(start, first), min(end, first + item.count)
        if low < high:
            seed = item.seed if item.group else item.seed + low - first
            yield replace(item, seed=seed, count=high - low)
        first += item.count


async def _joined(work: Sequence[Awaitable[bytes]]) -> list[bytes]:
    """Wait for all parts, also when one is refused, and take the rows out of their answers."""
    parts = await asyncio.gather(*work, return_exceptions=True)
    for part in parts:
        if isinstance(part, BaseException):
            raise part
    return [part[len(_HEAD) : -len(_TAIL)] for part in parts if isinstance(part, bytes)]


def members_of(item: CreateItem | ForkItem | StepItem | ResetItem) -> list[object]:
    """Return the members of an item in order, for it to be made again elsewhere."""
    if isinstance(item, StepItem):  # there are many
        return [item.id, item.episode, item.turn, item.action]
    return [getattr(item, name) for name in item.__slots__]
