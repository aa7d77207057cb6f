"""The async environments: the same as the sync ones, side by side in one loop, and safe to cancel.

1. Both play alike, alone and as vectors; every call of one environment waits for the one before.
2. 64 of them step side by side, over sockets, and where none could go on without the others.
3. A call that was cancelled is done once: steps, resets and creates, asked again or left alone.
4. What is closed, refused or could not be sent leaves nothing behind.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from turnwise import AsyncRemoteEnv, AsyncRemoteVectorEnv, RemoteEnv, RemoteVectorEnv
from turnwise.envs.registry import load_class
from turnwise.errors import RequestRefused, ServerUnreachable, UsageError
from turnwise.servers.client import ServerProcess, SessionClient, connect
from turnwise.servers.client.transports.local import LocalTransport
from turnwise.servers.http.control_plane import Application
from turnwise.servers.isolation.catalogue import Catalogue
from turnwise.servers.protocol.types import Problem, Reply
from turnwise.servers.sessions.service import Service

MEETING = """
import asyncio

from turnwise.envs.core import TextEnv


class Meeting(TextEnv):
    waiting, met = 0, asyncio.Event()

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return "alone", {}

    def step(self, action):
        raise AssertionError("it has an async step")

    async def step_async(self, action):
        Meeting.waiting += 1
        if Meeting.waiting == int(action):
            Meeting.met.set()
        await Meeting.met.wait()
        return "met", 1.0, True, False, {}
"""


def over_http(service: Service, **options: Any) -> SessionClient:
    return connect("http://test", network=httpx.ASGITransport(app=Application(service)), **options)


async def play(env: AsyncRemoteEnv, seed: int, num_turns: int = 5) -> list[Any]:
    """Play an episode and return everything that came back."""
    seen: list[Any] = [await env.reset(seed=seed)]
    for turn in range(num_turns):
        seen.append(await env.step(f"go {seed + turn}"))
    return seen


def play_sync(env: RemoteEnv, seed: int, num_turns: int = 5) -> list[Any]:
    return [env.reset(seed=seed), *(env.step(f"go {seed + turn}") for turn in range(num_turns))]


async def cancelled(work: Any) -> None:
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(work, 0.2)


@pytest.fixture
def gate(world) -> Iterator[Any]:
    """Close the gate of the environment Gated, and leave it open behind."""
    event = load_class(world("Gated")).gate
    event.clear()
    yield event
    event.set()


@pytest.mark.parametrize("where", ["http", "local"])
def test_async_and_sync_play_alike(make_service, world, where):
    def client() -> Any:
        return over_http(make_service()) if where == "http" else SessionClient(LocalTransport(make_service()))

    async def run() -> list[Any]:
        shared = client()
        async with AsyncRemoteEnv(None, world("Counter"), client=shared, length=4) as env:
            seen = await play(env, 3, 4)
            first = await env.reset()
            assert env.last_reply is not None and env.last_reply.episode == 1
            seen += [first, await env.reset(), env.last_reply.seed]
        await shared.aclose()
        return seen

    sync = RemoteEnv(None, world("Counter"), client=client(), length=4)
    seen = [*play_sync(sync, 3, 4), sync.reset(), sync.reset(), sync.last_reply.seed]
    sync.close()
    assert asyncio.run(run()) == seen
    assert seen[4][3] is True, "the horizon of the environment"


def test_async_and_sync_vectors_play_alike(make_service, world):
    mask = np.array([False, True, False])
    calls = [
        ("reset", {"seed": [4, None, 6]}),
        ("step", ["go", "stop", "go"]),
        ("reset", {"options": {"reset_mask": mask}}),
        ("step", [None, "go", "stop"]),
        ("reset", {"seed": 9}),
        ("step", ["go", "go", None]),
    ]

    async def run() -> list[Any]:
        async with AsyncRemoteVectorEnv("local:", world("Counter"), 3) as env:
            env.np_random = np.random.default_rng(1)
            seen = []
            for name, given in calls:
                call = env.reset(**given) if name == "reset" else env.step(given)
                seen.append(await call)
            return [*seen, [(reply.episode, reply.turn, reply.seed) for reply in env.replies]]

    sync = RemoteVectorEnv("local:", world("Counter"), 3)
    sync.np_random = np.random.default_rng(1)
    seen = [sync.reset(**given) if name == "reset" else sync.step(given) for name, given in calls]
    seen.append([(reply.episode, reply.turn, reply.seed) for reply in sync.replies])
    sync.close()
    np.testing.assert_equal(asyncio.run(run()), seen)
    assert [row[:2] for row in seen[-1]] == [(1, 1), (2, 1), (1, 0)]
    assert seen[3][4]["_won"].tolist() == [False, True, True]


def test_calls_of_one_environment_wait_for_each_other(make_service, world):
    async def run() -> None:
        client = over_http(make_service())
        async with AsyncRemoteEnv(None, world("Waiting"), client=client) as env:
            replies = await asyncio.gather(env.reset(seed=1), *(env.step(f"go {i}") for i in range(4)))
            assert [reply[0].split()[:3] for reply in replies[1:]] == [
                ["turn", str(i + 1), "go"] for i in range(4)
            ]
        await client.aclose()

    asyncio.run(run())


def test_64_environments_side_by_side_over_sockets(world):
    async def one(url: str | None, seed: int, client: Any = None) -> list[Any]:
        async with AsyncRemoteEnv(url, world("Waiting"), client=client) as env:
            return await play(env, seed)

    async def together(url: str) -> list[Any]:
        client = connect(url)
        own = [one(url, seed) for seed in range(8)]
        shared = [one(None, seed, client) for seed in range(8, 64)]
        seen = await asyncio.gather(*own, *shared)
        await client.aclose()
        return seen

    async def alone() -> list[Any]:
        return [await one("local:", seed) for seed in range(64)]

    with ServerProcess(["--env", world("Waiting")]) as server:
        assert asyncio.run(together(server.url)) == asyncio.run(alone())
        assert httpx.get(f"{server.url}/v1/sessions").json()["sessions"] == [], "each has closed its own"


def test_none_of_64_holds_up_another(tmp_path: Path):
    (tmp_path / "meeting.py").write_text(MEETING)
    env_id = f"{tmp_path / 'meeting.py'}:Meeting"

    async def run() -> None:
        client = over_http(Service(Catalogue([env_id])))
        envs = [AsyncRemoteEnv(None, env_id, client=client) for _ in range(32)]
        many = AsyncRemoteVectorEnv(None, env_id, 32, client=client)
        await asyncio.gather(*(env.reset(seed=0) for env in envs), many.reset(seed=0))
        async with asyncio.timeout(60):  # one after another they would wait for ever
            *alone, vector = await asyncio.gather(*(env.step("64") for env in envs), many.step(["64"] * 32))
        assert [reply[0] for reply in alone] == ["met"] * 32
        assert vector[1].tolist() == [1.0] * 32
        await asyncio.gather(*(env.close() for env in envs), many.close())
        await client.aclose()

    asyncio.run(run())


@pytest.mark.parametrize("where", ["http", "local"])
def test_a_cancelled_step_is_taken_once(make_service, world, gate, where):
    async def run() -> None:
        service = make_service({"*": "thread"})
        client = over_http(service) if where == "http" else SessionClient(LocalTransport(service))
        env = AsyncRemoteEnv(None, world("Gated"), client=client)
        await env.reset(seed=1)
        await cancelled(env.step("hold"))
        await cancelled(env.step("hold"))  # joins, and leaves again
        gate.set()
        joined = await env.step("hold")
        assert joined[0].startswith("turn 1 hold")
        gate.clear()
        await cancelled(env.step("hold"))
        gate.set()
        while (await client.describe(env.last_reply.id))["running"]:
            await asyncio.sleep(0.01)
        with pytest.raises(RequestRefused, match="turn 1 was taken with another action"):
            await env.step("go")
        assert (await env.step("hold"))[0].startswith("turn 2 hold"), "from store"
        assert (await env.step("go"))[0].startswith("turn 3 go"), "the environment counts its steps itself"
        assert env.last_reply.turn == 3
        assert (await client.describe(env.last_reply.id))["turn"] == 3
        await env.close()
        await client.aclose()
        await service.aclose()

    asyncio.run(run())


def test_an_interrupted_step_of_the_sync_environment_is_taken_once(make_service, world, gate):
    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    env = RemoteEnv(None, world("Gated"), client=SessionClient(LocalTransport(make_service({"*": "thread"}))))
    env.reset(seed=1)
    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        with pytest.raises(KeyboardInterrupt):
            env.step("hold")
    finally:
        signal.signal(signal.SIGALRM, before)
    gate.set()
    assert env.step("hold")[0].startswith("turn 1 hold")
    assert env.step("go")[0].startswith("turn 2 go")
    env.close()


def test_a_cancelled_vector_step_is_taken_once(make_service, world, gate):
    async def run() -> None:
        service = make_service({"*": "thread"})
        client = over_http(service)
        env = AsyncRemoteVectorEnv(None, world("Gated"), 3, client=client)
        await env.reset(seed=1)
        await cancelled(env.step(["go", "hold", None]))
        assert [reply.turn for reply in env.replies] == [0, 0, 0]
        gate.set()
        observations, *_ = await env.step(["go", "hold", None])
        assert [text.split()[:2] for text in observations[:2]] == [["turn", "1"]] * 2
        gate.clear()
        await cancelled(env.step(["go", "hold", "go"]))
        loop = asyncio.get_running_loop()
        loop.call_later(0.1, gate.set)
        await env.reset(seed=2)  # waits for the step that still runs
        assert [(reply.episode, reply.turn) for reply in env.replies] == [(1, 0)] * 3
        await env.close()
        await client.aclose()
        await service.aclose()

    asyncio.run(run())


@pytest.mark.parametrize("where", ["http", "local"])
def test_a_cancelled_reset_is_done_once(make_service, world, gate, where):
    async def run() -> None:
        service = make_service({"*": "thread"})
        client = over_http(service) if where == "http" else SessionClient(LocalTransport(service))
        env = AsyncRemoteEnv(None, world("Gated"), client=client)
        held = {"hold": True}
        await cancelled(env.reset(seed=1, options=held))
        with pytest.raises(UsageError, match="step before reset"):
            await env.step("go")
        gate.set()
        made = await env.reset(seed=1, options=held)
        assert len(service.sessions) == 1, "one session was made"
        assert env.last_reply.episode == 0
        gate.clear()
        await cancelled(env.reset(seed=2, options=held))
        with pytest.raises(UsageError, match="the last reset was not answered: call it again"):
            await env.step("go")
        gate.set()
        again = await env.reset(seed=2, options=held)
        assert env.last_reply.episode == 1
        assert again[1]["task"] == "count-2" != made[1]["task"]
        gate.clear()
        await cancelled(env.reset(seed=3, options=held))
        gate.set()
        assert (await env.reset(seed=4))[1]["task"] == "count-4", "another one comes after it"
        assert env.last_reply.episode == 3
        assert (await env.step("go"))[0].startswith("turn 1 go")
        await env.close()
        assert service.sessions == {}
        await client.aclose()
        await service.aclose()

    asyncio.run(run())


def test_closing_after_a_cancelled_create_leaves_no_session(make_service, world, gate):
    async def run() -> None:
        service = make_service({"*": "thread"})
        client = over_http(service)
        env = AsyncRemoteVectorEnv(None, world("Gated"), 3, client=client)
        await cancelled(env.reset(seed=1, options={"hold": True}))
        asyncio.get_running_loop().call_later(0.1, gate.set)
        await env.close()
        while _created(service) < 3:
            await asyncio.sleep(0.01)
        assert service.sessions == {}
        await client.aclose()
        await service.aclose()

    asyncio.run(run())


def test_what_could_not_be_sent_is_forgotten(make_service, world):
    async def run() -> None:
        client = over_http(make_service())
        env = AsyncRemoteEnv(None, world("Counter"), client=client)
        await env.reset(seed=1)
        with pytest.raises(UsageError, match="JSON"):
            await env.step("\ud800")
        assert (await env.reset(seed=2))[1]["task"] == "count-2"
        assert (await env.step("go"))[0].startswith("turn 1 go")
        await env.close()
        await client.aclose()

    asyncio.run(run())


def test_a_step_without_an_answer_is_asked_again(make_service, world):
    """The server is gone after it has done the step; the retries end; it comes back."""
    service = make_service()
    inner, down = httpx.ASGITransport(app=Application(service)), [False]

    class Flaky(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            response = await inner.handle_async_request(request)
            if down[0]:
                raise httpx.ReadError("broken", request=request)
            return response

    env = RemoteEnv(None, world("Counter"), client=connect("http://test", network=Flaky(), budget_s=0.1))

    def unanswered(call: Any, *given: Any, **named: Any) -> None:
        down[0] = True
        with pytest.raises(ServerUnreachable):
            call(*given, **named)
        down[0] = False

    unanswered(env.reset, seed=1)
    env.reset(seed=1)
    assert len(service.sessions) == 1, "the session that was made is the one that is played"
    unanswered(env.step, "go")
    assert env.step("go")[0].startswith("turn 1 go")
    unanswered(env.reset, seed=2)
    with pytest.raises(UsageError, match="the last reset was not answered"):
        env.step("go")
    assert env.reset(seed=3)[1]["task"] == "count-3"
    assert env.last_reply.episode == 2, "the one without an answer counts"
    env.close()
    assert service.sessions == {}


class Halfway(SessionClient):
    """Refuse the last session of every create."""

    async def create(self, items: Any, *, request_id: str) -> list[Reply | Problem]:
        rows = await super().create(items, request_id=request_id)
        await super().close([row.id for row in rows[-1:] if isinstance(row, Reply)])
        return [*rows[:-1], Problem(429, "capacity", "the server is full", todo="close sessions")]


def test_a_vector_that_is_made_in_part_is_not_made(make_service, world):
    async def run() -> None:
        service = make_service()
        env = AsyncRemoteVectorEnv(None, world("Counter"), 3, client=Halfway(LocalTransport(service)))
        for _ in range(2):
            with pytest.raises(RequestRefused, match="429 capacity: the server is full; close sessions"):
                await env.reset(seed=1)
        assert service.sessions == {} and env.replies == ()
        assert _created(service) == 6
        await env.close()

    asyncio.run(run())


def test_an_environment_that_is_closed_says_so(world):
    async def run() -> None:
        env = AsyncRemoteEnv("local:", world("Counter"))
        with pytest.raises(UsageError, match="detach before reset"):
            env.detach()
        await env.reset(seed=1)
        await env.close()
        await env.close()
        assert env.last_reply is None
        for call in (env.reset(), env.step("go")):
            with pytest.raises(UsageError, match="was closed: make a new one"):
                await call
        with pytest.raises(UsageError, match="num_envs must be at least 1, got 0"):
            AsyncRemoteVectorEnv("local:", world("Counter"), 0)

    asyncio.run(run())
    env = RemoteEnv("local:", world("Counter"))
    env.close()
    with pytest.raises(UsageError, match="was closed: make a new one"):
        env.reset()


def test_closing_does_not_wait_for_a_step_that_runs(make_service, world, gate):
    async def run() -> None:
        service = make_service({"*": "thread"})
        client = SessionClient(LocalTransport(service))
        env = AsyncRemoteVectorEnv(None, world("Gated"), 2, client=client)
        await env.reset(seed=1)
        step = asyncio.create_task(env.step(["hold", None]))
        await asyncio.sleep(0.05)
        with pytest.raises(UsageError, match="detach while a call runs"):
            env.detach()
        await env.close()
        assert service.sessions == {}
        gate.set()
        with pytest.raises(UsageError, match="was closed"):
            await step
        await service.aclose()

    asyncio.run(run())


def _created(service: Service) -> int:
    return sum(env["counts"]["sessions_created"] for env in service.metrics.state()["envs"].values())
