"""A client of a hosted run: where others make and reset sessions, it asks for the next task."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from pathlib import Path
from typing import Any

from ...errors import RequestRefused, ServerError, UsageError
from ..benchmarks.file import MAX_TASKS
from ..protocol.types import CreateItem, ForkItem, Problem, Reply, ResetItem, StepItem
from .client import SessionClient, connect
from .steps import Row

_OF_BENCHMARK = {
    "turns": (int,),
    "parallel": (int,),
    "seconds": (int, float),
    "environments": (list,),
}


class HostedClient(SessionClient):
    """A client whose sessions are the tasks of one hosted run, in the order in which they are dealt.

    What a task is made of is the server's: of what is asked for only the number counts. A task that is
    closed before its end is forfeited; the tasks of a run that a former client has left open come first.
    """

    owner = ""
    """The name of the key, once the server has told it."""
    run = ""
    """The id of the run, once there is one."""
    attempt = 0
    """Which attempt of the key and the benchmark it is, from 1."""
    num_tasks = 0
    """How many tasks the run has."""
    environments_of: Callable[[str], Sequence[str]] | None = None
    """Names the environment of each task of a run, where that is not hidden."""

    async def benchmark(self, name: str) -> dict[str, Any]:
        """Return what a server says of a benchmark.

        Raises:
            UsageError: if the key may play no such benchmark there.
            ServerError: if what it says is not that of a benchmark.
        """
        told = await self._requests.call("benchmarks")
        self.owner = str(self._requests.part(told, "owner", str))
        rows = self._requests.part(told, "benchmarks", list)
        rows = [row for row in rows if isinstance(row, dict)]
        found = [row for row in rows if row.get("name") == name]
        if not found:
            names = ", ".join(str(row.get("name")) for row in rows) or "none"
            raise UsageError(
                f"benchmark {name!r}: {self.transport.address} offers this key {names}; its operator names "
                "benchmarks in the key file: NAME SECRET benchmark=..."
            )
        for member, kinds in _OF_BENCHMARK.items():
            self._requests.part(found[0], member, *kinds)
        return dict(found[0])

    async def open(self, name: str, agent: str, config: dict[str, Any], request_id: str) -> dict[str, Any]:
        """Open a run, or go on with the one that this request has opened; return how it stands."""
        body = {"agent": agent, "config": config, "request_id": request_id}
        standing = await self._requests.call("start_run", body, id=name)
        self.run = str(self._requests.part(standing, "run", str))
        self.attempt = int(self._requests.part(standing, "attempt", int))
        self._next = int(self._requests.part(standing, "dealt", int))
        self._left = [number for number in self._requests.part(standing, "open", list) if type(number) is int]
        self.num_tasks = int(self._requests.part(standing, "tasks", int))
        if not 0 < self.num_tasks <= MAX_TASKS:
            raise ServerError(
                f"{self.transport.address}: a run of {self.num_tasks} tasks; at most {MAX_TASKS}"
            )
        self._task_of: dict[str, int] = {}
        self._ended: set[str] = set()
        self._spent: dict[str, float] = dict(standing.get("spent") or {})
        self._order = asyncio.Lock()
        return standing

    async def finish(self) -> dict[str, Any]:
        """End the run and return its record.

        Raises:
            RequestRefused: if tasks are open.
            ServerError: if it is not in the form of a record.
        """
        await self._requests.call("next", self._asked(self._next), id=self.run)
        envelope = await self._requests.call("record", id=self.run)
        record = self._requests.part(envelope, "record", dict)
        for member in ("benchmark", "measured", "declared"):
            self._requests.part(record, member, dict)
        return envelope

    def spend(self, **amounts: float) -> None:
        """Add to what is declared with the next task: `cost` in US dollars, and numbers of tokens.

        Of a run that a former client has begun, what that one declared counts too.
        """
        for name, amount in amounts.items():
            if amount:
                self._spent[name] = self._spent.get(name, 0) + amount

    async def create(self, items: Sequence[CreateItem], *, request_id: str, wait_s: float = 0.0) -> list[Row]:
        """Ask for as many tasks as there are sessions to make."""
        return [await self._dealt() for item in items for _ in range(item.count)]

    async def reset(self, items: Sequence[ResetItem]) -> list[Row]:
        """Ask for a task in place of each session, which is closed."""
        await self.close([item.id for item in items])
        return [await self._dealt() for _ in items]

    async def fork(self, items: Sequence[ForkItem], *, request_id: str) -> list[Row]:
        """Refuse: nothing is copied inside a run.

        Raises:
            UsageError: always.
        """
        raise UsageError("a hosted run has no forks: evaluate without branches")

    async def step(self, items: Sequence[StepItem]) -> list[Row]:
        """Step sessions, and return the answers when all are done."""
        return [self._noted(row) for row in await super().step(items)]

    async def step_each(self, items: Sequence[StepItem]) -> AsyncGenerator[tuple[int, Row], None]:
        """Step sessions, and give each answer as it comes."""
        async for place, row in super().step_each(items):
            yield place, self._noted(row)

    async def close(self, ids: Sequence[str]) -> None:
        """Forfeit the tasks of sessions that have not ended."""
        for id in ids:
            number = self._task_of.pop(id, None)
            if number is not None and id not in self._ended:
                await self._requests.call("forfeit", {"task": number}, id=self.run)

    async def _dealt(self) -> Row:
        async with self._order:
            number = self._left[0] if self._left else self._next
            try:
                answer = await self._requests.call("next", self._asked(number), id=self.run)
            except RequestRefused as error:
                return Problem(error.status, error.code, error.detail, expected=error.expected)
            if answer.get("done"):
                raise ServerError(f"run {self.run} is over before its tasks are: its time is up")
            if self._left:
                self._left.pop(0)
            else:
                self._next += 1
        reply = self._requests.row(answer.get("session"))
        if isinstance(reply, Reply):
            self._task_of[reply.id] = number
        return self._noted(reply)

    def _asked(self, number: int) -> dict[str, Any]:
        return {"task": number, **({"spent": dict(self._spent)} if self._spent else {})}

    def _noted(self, row: Row) -> Row:
        if isinstance(row, Reply) and row.end is not None:
            self._ended.add(row.id)
        return row


def hosted_there(url: str, key: str | None, **options: Any) -> HostedClient:
    """Return a client for the benchmarks of a server; see `connect`."""
    client = connect(url, key, kind=HostedClient, **options)
    assert isinstance(client, HostedClient), "made of that class"
    return client


def hosted_here(file: Path) -> tuple[str, HostedClient]:
    """Return the name of a benchmark and a client that plays its public split in this process.

    Raises:
        UsageError: if the file is wrong.
    """
    from ..benchmarks.frozen import freeze
    from ..benchmarks.hosting import Hosting
    from ..isolation.catalogue import Catalogue
    from ..sessions.service import Service
    from .transports.local import LocalTransport

    service, frozen = Service(Catalogue(trusted=True)), freeze(file, None)
    transport = LocalTransport(service, Hosting(service, [frozen], None))
    client = HostedClient(transport)
    client.environments_of = lambda run: [
        frozen.benchmark.environments[task.place].id for task in frozen.tasks(run)
    ]
    return frozen.benchmark.name, client
