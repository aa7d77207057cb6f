"""Attaching: another client takes over a session where it stands, and goes on exactly once.

1. In the middle of an episode, after its end, and after the server was killed: the episode is
   the one that a single client would have played.
2. What runs in the session is waited for, and counted; its first caller still gets its reply.
3. No session, another key's session: the same 404. Nothing is closed by an attempt.
4. Closing closes what was attached to; detaching leaves it for the next.
"""

from __future__ import annotations

import asyncio
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
from turnwise.servers.http.keys import Caller, Keys
from turnwise.servers.protocol.types import CreateItem
from turnwise.servers.sessions.journal.sqlite import SqliteJournal

ANN, BOB = "secret-of-ann-long-enough", "secret-of-bob-long-enough"
KEYS = Keys({ANN: Caller("ann"), BOB: Caller("bob")})
LENGTH = {"length": 8}


def over_http(service: Any, key: str | None = None, keys: Keys | None = None) -> SessionClient:
    transport = httpx.ASGITransport(app=Application(service, keys))
    return connect("http://test", key, network=transport)


def uninterrupted(env_id: str, num_turns: int) -> list[Any]:
    """Return the replies that one client gets which plays alone: observation, reward, ends, info."""
    env = RemoteEnv("local:", env_id, **LENGTH)
    replies = [env.reset(seed=5), *(env.step(f"go {turn}") for turn in range(num_turns)), env.reset(seed=6)]
    env.close()
    return replies


@pytest.mark.parametrize("where", ["http", "local"])
def test_in_the_middle_of_an_episode(make_service, world, where):
    service = make_service()

    def client() -> Any:
        return over_http(service) if where == "http" else SessionClient(LocalTransport(service))

    first = RemoteEnv(None, world("Counter"), client=client(), **LENGTH)
    seen = [first.reset(seed=5), *(first.step(f"go {turn}") for turn in range(3))]

    async def go_on() -> str:
        async with await AsyncRemoteEnv.attach(None, first.last_reply.id, client=client()) as second:
            assert second.last_reply == first.last_reply
            assert (second.last_reply.observation, second.last_reply.info) == (seen[-1][0], seen[-1][4])
            assert second.env_id == world("Counter")
            seen.extend([await second.step(f"go {turn}") for turn in range(3, 6)])
            return second.detach()

    third = RemoteEnv.attach(None, asyncio.run(go_on()), client=client())
    assert third.last_reply.turn == 6
    with pytest.raises(RequestRefused, match="409 wrong_turn: the session stands at episode 0, turn 6"):
        first.step("go 3 again")
    seen += [third.step(f"go {turn}") for turn in range(6, 8)]
    assert third.last_reply.done
    seen.append(third.reset(seed=6))
    assert seen == uninterrupted(world("Counter"), 8)
    assert third.last_reply.id in service.sessions
    third.close()
    assert service.sessions == {}


def test_after_the_server_was_killed(world, tmp_path):
    arguments = ["--env", world("Counter"), "--journal", str(tmp_path / "journal.db")]
    with ServerProcess(arguments) as server:
        first = RemoteEnv(server.url, world("Counter"), **LENGTH)
        many = RemoteVectorEnv(server.url, world("Counter"), 3)
        seen = [first.reset(seed=5), *(first.step(f"go {turn}") for turn in range(3))]
        many.reset(seed=1)
        many.step(["go", None, "stop"])
        server.kill()
        server.start()
        second = RemoteEnv.attach(server.url, first.last_reply.id)
        assert second.last_reply == first.last_reply
        seen += [second.step(f"go {turn}") for turn in range(3, 8)]
        seen.append(second.reset(seed=6))
        assert seen == uninterrupted(world("Counter"), 8)
        again = RemoteVectorEnv.attach(server.url, [reply.id for reply in many.replies])
        assert again.replies == many.replies
        again.close()
        second.close()
        assert httpx.get(f"{server.url}/v1/sessions").json()["sessions"] == []
        first.close()
        many.close()


@pytest.mark.parametrize("where", ["http", "local"])
def test_a_session_that_cannot_be_rebuilt(make_service, world, tmp_path, where):
    drift = tmp_path / "drift"
    drift.write_text("a")

    async def run() -> None:
        def service() -> Any:
            return make_service(roots=(tmp_path,), journal=SqliteJournal(tmp_path / "journal.db"))

        before = service()
        first = AsyncRemoteEnv(
            None, world("Drifting"), client=SessionClient(LocalTransport(before)), drift="./drift"
        )
        await first.reset(seed=1)
        for _ in range(3):
            await first.step("go")
        id = first.detach()
        await before.aclose()
        drift.write_text("b")
        after = service()
        client = over_http(after) if where == "http" else SessionClient(LocalTransport(after))
        for _ in range(2):
            with pytest.raises(RequestRefused, match="replay_diverged") as refusal:
                await AsyncRemoteEnv.attach(None, id, client=client)
            assert refusal.value.expected["turn"] == 3
        await client.aclose()
        await after.aclose()

    asyncio.run(run())


def test_after_the_end_of_an_episode(make_service, world):
    async def run() -> None:
        client = over_http(make_service())
        env = AsyncRemoteEnv(None, world("Counter"), client=client)
        await env.reset(seed=1)
        await env.step("stop")
        ended = env.last_reply
        again = await AsyncRemoteEnv.attach(None, env.detach(), client=client)
        assert again.last_reply == ended
        assert again.last_reply.done and again.last_reply.info["won"]
        with pytest.raises(RequestRefused, match="409 episode_finished: episode 0 has ended after 1 turns"):
            await again.step("go")
        await again.reset(seed=2)
        assert (await again.step("go"))[0].startswith("turn 1 go")
        assert again.last_reply.episode == 1
        await again.close()
        await client.aclose()

    asyncio.run(run())


@pytest.mark.parametrize("where", ["http", "local"])
def test_what_runs_is_waited_for(make_service, world, where):
    gate = load_class(world("Gated")).gate
    gate.clear()

    async def run() -> None:
        service = make_service({"*": "thread"})
        client = over_http(service) if where == "http" else SessionClient(LocalTransport(service))
        first = AsyncRemoteEnv(None, world("Gated"), client=client)
        await first.reset(seed=1)
        id = first.last_reply.id
        step = asyncio.create_task(first.step("hold"))
        while not (await client.describe(id))["running"]:
            await asyncio.sleep(0.01)
        with pytest.raises(ServerUnreachable, match=r"still runs after 0\.05 s; attach again later"):
            await AsyncRemoteEnv.attach(None, id, client=client, wait_s=0.05)
        attaching = asyncio.create_task(AsyncRemoteEnv.attach(None, id, client=client))
        await asyncio.sleep(0.1)
        assert not attaching.done()
        gate.set()
        second = await attaching
        assert second.last_reply.turn == 1
        assert second.last_reply.observation == (await step)[0]
        assert (await second.step("go"))[0].startswith("turn 2 go")
        await second.close()
        await client.aclose()
        await service.aclose()

    try:
        asyncio.run(run())
    finally:
        gate.set()


def test_no_session_and_that_of_another_key(make_service, world):
    async def run() -> None:
        service = make_service()
        ann, bob = over_http(service, ANN, KEYS), over_http(service, BOB, KEYS)
        env = AsyncRemoteEnv(None, world("Counter"), client=ann)
        await env.reset(seed=1)
        id = env.last_reply.id
        texts = []
        for name in (id, "0123456789abcdef"):
            with pytest.raises(RequestRefused, match="404 unknown_session: there is no session") as refusal:
                await AsyncRemoteEnv.attach(None, name, client=bob)
            assert "create a new one" in refusal.value.detail
            texts.append(str(refusal.value).replace(name, "..."))
        assert texts[0] == texts[1], "nobody learns which ids exist"
        mine = (await bob.create([CreateItem(world("Counter"))], request_id="a"))[0].id
        with pytest.raises(RequestRefused, match="404"):
            await AsyncRemoteVectorEnv.attach(None, [mine, id], client=bob)
        assert set(service.sessions) == {id, mine}, "an attempt closes nothing"
        for name in ("../envs", "a/journal", "a?turn=1", "\u00fc b", ""):
            with pytest.raises(RequestRefused, match="404"):
                await AsyncRemoteEnv.attach(None, name, client=ann)
        assert (await env.step("go"))[0].startswith("turn 1 go")
        await asyncio.gather(ann.aclose(), bob.aclose())
        with pytest.raises(RequestRefused, match="404 unknown_session"):
            await AsyncRemoteEnv.attach("local:", id)

    asyncio.run(run())


def test_a_key_over_a_socket(world, tmp_path):
    (tmp_path / "keys").write_text(f"ann {ANN}\nbob {BOB}\n")
    arguments = ["--env", world("Counter"), "--key-file", str(tmp_path / "keys")]
    with ServerProcess(arguments) as server:
        first = RemoteEnv(server.url, world("Counter"), key=ANN)
        first.reset(seed=1)
        id = first.detach()
        first.close()
        with pytest.raises(RequestRefused, match="404 unknown_session"):
            RemoteEnv.attach(server.url, id, key=BOB)
        with pytest.raises(RequestRefused, match="401 unauthorized"):
            RemoteEnv.attach(server.url, id)
        with RemoteEnv(server.url, "any/env") as nobody, pytest.raises(RequestRefused) as refused:
            nobody.reset()
        assert str(refused.value).count("TURNWISE_KEY") == 1
        second = RemoteEnv.attach(server.url, id, key=ANN)
        assert second.step("go")[0].startswith("turn 1 go")
        second.close()


def test_a_vector_takes_over_many(make_service, world):
    service = make_service()
    first = RemoteVectorEnv(None, world("Counter"), 3, client=over_http(service))
    first.reset(seed=10)
    first.step(["go", "stop", None])
    before = first.replies
    ids = first.detach()
    first.close()
    second = RemoteVectorEnv.attach(None, ids[::-1], client=over_http(service))
    assert second.num_envs == 3 and second.env_id == world("Counter")
    assert second.replies == before[::-1], "each at the place where it was named"
    done = np.array([reply.done for reply in second.replies])
    observations, infos = second.reset(seed=20, options={"reset_mask": done})
    assert infos["task"].tolist() == [None, "count-21", None]
    assert [reply.turn for reply in second.replies] == [0, 0, 1]
    observations, *_ = second.step(["go", "go", "go"])
    assert [text.split()[1] for text in observations] == ["1", "1", "2"]
    assert second.observation_space.contains(observations)
    second.close()
    assert service.sessions == {}


def test_what_cannot_be_attached_to(make_service, world):
    async def run() -> None:
        service = make_service()
        client = SessionClient(LocalTransport(service))
        names = [world("Counter"), world("Waiting")]
        rows = await client.create([CreateItem(name) for name in names], request_id="a")
        ids = [row.id for row in rows]
        with pytest.raises(UsageError, match="expected those of one environment"):
            await AsyncRemoteVectorEnv.attach(None, ids, client=client)
        for wrong in ([ids[0], ids[0]], []):
            with pytest.raises(UsageError, match="expected the ids of sessions, each once"):
                await AsyncRemoteVectorEnv.attach(None, wrong, client=client)
        assert set(service.sessions) == set(ids)

        for client_of_many in (over_http(service), client):
            assert (await client_of_many.describe(ids[0]))["id"] == ids[0]
            with pytest.raises(RequestRefused, match="404 unknown_session"):
                await client_of_many.describe(f"{ids[0]}/journal")
        env = await AsyncRemoteEnv.attach(None, ids[0], client=client)
        env.detach()
        for call in (env.reset(), env.step("go")):
            with pytest.raises(UsageError, match="has let go of its sessions"):
                await call
        await env.close()
        assert set(service.sessions) == set(ids)

    asyncio.run(run())
