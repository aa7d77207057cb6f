"""What an environment in a process of its own does to its session, and to no other.

1. One whose close() hangs is left to it; its neighbour in the same process goes on there.
2. A constructor that hangs has the deadline.
3. Without a deadline a step that hangs holds up neither a neighbour nor who creates; its process ends
   when its session is closed. Where too many hang, that is said, and a repetition may succeed.
4. close() is called soon after the session is closed, and when the server stops.
5. Relative names of files begin where the server was started, wherever an environment goes.
6. A thread that never ends and an interrupt end no process.
7. Calls that hang on threads get successors.
8. What breaks the contract is said in the same words wherever it runs.
"""

from __future__ import annotations

import asyncio
import shutil
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from turnwise.servers.client import SessionClient
from turnwise.servers.client.transports.local import LocalTransport
from turnwise.servers.isolation.catalogue import Catalogue
from turnwise.servers.isolation.process_pool import ProcessPool
from turnwise.servers.isolation.threads import CallThreads
from turnwise.servers.protocol.types import CreateItem, Reply, StepItem
from turnwise.servers.sessions.service import Service


@pytest.fixture
def talk(world) -> Callable[..., None]:
    """Return a function that runs a conversation with a service whose environments are in processes."""

    def run(
        conversation: Callable[[SessionClient, ProcessPool], Awaitable[None]],
        env_ids: tuple[str, ...] = (),
        **options: float,
    ) -> None:
        ids = env_ids or tuple(world(name) for name in ("Counter", "Unruly", "Lingering"))
        pool = ProcessPool(num_processes=1, **options)  # type: ignore[arg-type]
        roots = [Path(id.partition(":")[0]).parent for id in ids]
        service = Service(
            Catalogue(ids, isolation={"*": "process"}, pools={"process": pool}, data_roots=roots)
        )

        async def inside() -> None:
            async with asyncio.timeout(60):
                await conversation(SessionClient(LocalTransport(service)), pool)
                await service.aclose(1.0)

        asyncio.run(inside())

    return run


async def create(client: SessionClient, env_id: str, **kwargs: object) -> Reply:
    (row,) = await client.create([CreateItem(env_id, kwargs)], request_id=f"{env_id} {kwargs}")
    assert isinstance(row, Reply), row
    return row


async def step(client: SessionClient, row: Reply, turn: int, action: str = "go") -> Reply:
    (reply,) = await client.step([StepItem(row.id, 0, turn, action)])
    assert isinstance(reply, Reply), reply
    return reply


def test_one_that_never_closes(born, talk, world):
    async def conversation(client: SessionClient, pool: ProcessPool) -> None:
        neighbour = await create(client, world("Counter"))
        one = await create(client, world("Unruly"), close="hang")
        await step(client, neighbour, 0)
        await client.close([one.id])
        assert (await step(client, neighbour, 1)).end is None
        assert len(born()) == 1
        assert pool.num_replaced == 0

    talk(conversation, deadline_s=5.0)


def test_one_that_is_never_made(talk, world):
    async def conversation(client: SessionClient, _: ProcessPool) -> None:
        neighbour = await create(client, world("Counter"))
        await step(client, neighbour, 0)
        items = [CreateItem(world("Unruly"), {"made": "hang"})]
        (row,) = await client.create(items, request_id="a")
        assert (row.code, row.status) == ("environment_failed", 422)
        assert "build took longer than 0.5 s" in row.detail
        assert (await step(client, neighbour, 1)).observation.startswith("turn 2")

    talk(conversation, deadline_s=0.5)


def test_one_that_hangs_without_a_deadline(born, talk, world):
    async def conversation(client: SessionClient, pool: ProcessPool) -> None:
        neighbour = await create(client, world("Counter"))
        one = await create(client, world("Unruly"))
        await step(client, neighbour, 0)
        hanging = asyncio.create_task(client.step([StepItem(one.id, 0, 0, "hang")]))
        await asyncio.sleep(0.1)
        assert (await step(client, neighbour, 1)).observation.startswith("turn 2")
        another = await create(client, world("Counter"), length=5)
        assert (await step(client, another, 0)).turn == 1
        assert len(born()) == 2
        assert not hanging.done()
        await client.close([one.id])
        await hanging
        assert (await step(client, neighbour, 2)).turn == 3
        assert len(born()) == 1

    talk(conversation, stuck_s=0.3)


def test_too_many_that_hang_are_said_to(talk, world, monkeypatch):
    monkeypatch.setattr("turnwise.servers.isolation.process_pool._MAX_STUCK", 0)

    async def conversation(client: SessionClient, _: ProcessPool) -> None:
        one = await create(client, world("Unruly"))
        hanging = asyncio.create_task(client.step([StepItem(one.id, 0, 0, "hang")]))
        await asyncio.sleep(0.1)  # too soon to tell that it hangs
        body = b'{"env_id": "%b", "request_id": "b"}' % world("Counter").encode()
        refused = await client.transport.call("POST", "/v1/sessions", body, {})
        assert (refused.status, b"environments_stuck" in refused.body) == (503, True)
        await client.close([one.id])
        await hanging
        assert (await client.transport.call("POST", "/v1/sessions", body, {})).status == 200

    talk(conversation, stuck_s=0.2)


def test_close_is_called(talk, world, tmp_path):
    note = Path(shutil.copy(Path(world("Counter").partition(":")[0]), tmp_path / "worlds.py")).with_name(
        "note"
    )
    note.touch()
    env_id = f"{tmp_path / 'worlds.py'}:Lingering"

    async def conversation(client: SessionClient, _: ProcessPool) -> None:
        (one, _) = await client.create(
            [CreateItem(env_id, {"seconds": 0.2, "note": "note"}, count=2)], request_id="a"
        )
        await client.close([one.id])
        while note.read_text() != "closed\n":  # without another request
            await asyncio.sleep(0.02)

    talk(conversation, (env_id,))
    assert note.read_text() == "closed\n" * 2, "the other was open when the server stopped"


@pytest.mark.parametrize("isolation", ["process", "inline"])
def test_one_that_leaves_its_folder(world, tmp_path, monkeypatch, isolation):
    shutil.copy(Path(world("Counter").partition(":")[0]), tmp_path / "mine.py")
    monkeypatch.chdir(tmp_path)
    service = Service(Catalogue(["mine.py:Unruly"], isolation={"*": isolation}))

    async def run() -> None:
        client = SessionClient(LocalTransport(service))
        one = await create(client, "mine.py:Unruly")
        await step(client, one, 0, "leave")
        other = await create(client, "mine.py:Unruly", close="")
        assert (await step(client, other, 0)).turn == 1
        await service.aclose(1.0)

    asyncio.run(run())


def test_what_breaks_the_contract_is_said_alike(world):
    actions = [
        "raise",
        "exit",
        "nan",
        "surrogate",
        "number",
        "pair",
        "set",
        "object",
        "tier",
        "immeasurable",
        "flood",
    ]

    async def said(isolation: str) -> list[str]:
        service = Service(Catalogue([world("Fragile")], isolation={"*": isolation}))
        client = SessionClient(LocalTransport(service))
        rows = await client.create([CreateItem(world("Fragile"), count=len(actions))], request_id="a")
        replies = [await step(client, row, 0, action) for row, action in zip(rows, actions, strict=True)]
        await service.aclose(1.0)
        return [str(reply.info["error"]).partition("<object")[0] for reply in replies]

    assert asyncio.run(said("process")) == asyncio.run(said("inline"))


def test_a_thread_and_an_interrupt(born, talk, world):
    async def conversation(client: SessionClient, pool: ProcessPool) -> None:
        neighbour = await create(client, world("Counter"))
        one = await create(client, world("Unruly"))
        other = await create(client, world("Unruly"), close="")
        assert (await step(client, one, 0, "thread")).turn == 1
        assert (await step(client, other, 0, "interrupted")).end == "error"
        assert (await step(client, neighbour, 0)).turn == 1
        assert pool.num_replaced == 0
        (process,) = born()
        pool.close()
        process.wait(10)

    talk(conversation)


def test_threads_that_hang_get_successors():
    held = threading.Event()

    async def run() -> None:
        threads = CallThreads(2, stuck_s=0.1)
        hanging = [asyncio.create_task(threads.run(held.wait, 30)) for _ in range(5)]
        await asyncio.sleep(0)
        async with asyncio.timeout(10):
            assert await threads.run(sum, [1, 2]) == 3
        held.set()
        assert await asyncio.gather(*hanging) == [True] * 5
        with pytest.raises(ZeroDivisionError):
            await threads.run(divmod, 1, 0)
        threads.close()

    asyncio.run(run())


def test_no_more_threads_than_said():
    peak, now, lock = 0, 0, threading.Lock()

    def work() -> None:
        nonlocal peak, now
        with lock:
            now += 1
            peak = max(peak, now)
        threading.Event().wait(0.005)
        with lock:
            now -= 1

    async def run() -> None:
        threads = CallThreads(3)
        await asyncio.gather(*[threads.run(work) for _ in range(30)])
        threads.close()

    asyncio.run(run())
    assert peak == 3
