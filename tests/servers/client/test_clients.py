"""The client over its transports, and the remote environments, which pass Gymnasium's checks.

1. In process and over HTTP a client gives equal replies, with equal fields, and renews leases.
2. RemoteEnv passes check_env over HTTP and in process.
3. RemoteVectorEnv: seeds, masks, infos in array form, environments that stand still.
4. Retries end within the budget with a text that says what to do; what answers but is no
   turnwise server, or speaks another protocol, is told apart.
"""

from __future__ import annotations

import asyncio

import gymnasium
import httpx
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from turnwise.errors import RequestRefused, ServerError, ServerUnreachable, UsageError
from turnwise.servers.client import RemoteEnv, RemoteVectorEnv, SessionClient, connect
from turnwise.servers.client.retry import Budget
from turnwise.servers.client.transports.local import LocalTransport
from turnwise.servers.http.control_plane import Application
from turnwise.servers.protocol.types import CreateItem, ForkItem, Problem, Reply, ResetItem, StepItem


def over_http(service, **options) -> SessionClient:
    return connect("http://test", network=httpx.ASGITransport(app=Application(service)), **options)


def local(service, **options) -> SessionClient:
    return SessionClient(LocalTransport(service), **options)


async def history(client, env_id: str) -> list:
    """Play a little with every call and return all replies without the names of the sessions."""
    rows = await client.create([CreateItem(env_id, {"length": 3}, seed=4, count=2)], request_id="a")
    ids = [row.id for row in rows]
    for turn in range(3):
        rows += await client.step([StepItem(id, 0, turn, "go") for id in ids])
    rows += await client.step([StepItem(ids[0], 0, 3, "go"), StepItem("nobody", 0, 0, "go")])
    rows += await client.reset([ResetItem(id, 1, seed=9) for id in ids])
    rows += await client.fork([ForkItem(ids[0], count=2)], request_id="b")
    await client.close(ids)
    rows += await client.step([StepItem(ids[0], 1, 0, "go")])
    names = [env["id"] for env in await client.envs()]
    await client.aclose()
    plain = [
        (row.episode, row.turn, row.observation, row.reward, row.end, row.info, row.seed, row.fingerprint)
        if isinstance(row, Reply)
        else (row.status, row.code, row.expected)
        for row in rows
    ]
    return [*plain, names]


def test_local_and_remote_give_equal_replies(make_service, world):
    local = asyncio.run(history(SessionClient(LocalTransport(make_service())), world("Counter")))
    remote = asyncio.run(history(over_http(make_service()), world("Counter")))
    assert local == remote
    assert len(local) == 2 + 6 + 2 + 2 + 2 + 1 + 1
    assert local[8] == (409, "episode_finished", {"reset": 1})
    assert local[9][:2] == (404, "unknown_session")


@pytest.mark.parametrize("where", ["http", "local"])
def test_fields_and_leases(make_service, world, where):
    async def run() -> None:
        service = make_service()
        options = {"fields": ("-task", "-won")}
        client = over_http(service, **options) if where == "http" else local(service, **options)
        rows = await client.create([CreateItem(world("Counter"), count=2)], request_id="a")
        ids = [row.id for row in rows]
        rows += await client.step([StepItem(id, 0, 0, "stop") for id in ids])
        rows += await client.reset([ResetItem(id, 1) for id in ids])
        rows += [row async for _, row in client.step_each([StepItem(id, 1, 0, "stop") for id in ids])]
        rows += await client.fork([ForkItem(ids[0])], request_id="b")
        assert len(rows) == 9
        for row in rows:
            assert isinstance(row, Reply) and row.info and not {"task", "won"} & set(row.info)
        assert sorted(row["id"] for row in await client.sessions()) == sorted({row.id for row in rows})
        assert await client.heartbeat([*ids, "nobody"]) == (ids, service.limits.ttl_s)
        assert await client.heartbeat([]) == ([], service.limits.ttl_s)
        await client.aclose()
        await service.aclose()

    asyncio.run(run())


def test_a_client_closes_each_way_once():
    class Way:
        address, closed = "test:", 0

        async def aclose(self) -> None:
            self.closed += 1

    for ways in ([Way()], [Way(), Way()]):
        asyncio.run(SessionClient(ways[0], steps=ways[-1]).aclose())
        assert [way.closed for way in ways] == [1] * len(ways)


@pytest.mark.parametrize("where", ["http", "local"])
def test_the_remote_environment_passes_check_env(make_service, world, where):
    client = over_http(make_service()) if where == "http" else SessionClient(LocalTransport(make_service()))
    env = RemoteEnv(None, world("Counter"), client=client, length=4)
    check_env(env, skip_render_check=True)
    first, info = env.reset(seed=3)
    assert info["task"] == "count-3"
    assert env.reset(seed=3)[0] == first
    with pytest.raises(UsageError, match="before reset"):
        RemoteEnv("local:", world("Counter")).step("go")
    env.close()
    env.close()


def test_the_remote_vector_environment(make_service, world):
    env = RemoteVectorEnv(None, world("Counter"), 3, client=over_http(make_service()), length=2)
    assert isinstance(env, gymnasium.vector.VectorEnv)
    assert env.metadata["autoreset_mode"] is gymnasium.vector.AutoresetMode.DISABLED
    observations, infos = env.reset(seed=10)
    assert env.observation_space.contains(observations)
    assert list(infos["task"]) == ["count-10", "count-11", "count-12"]
    assert infos["_task"].tolist() == [True] * 3
    observations, rewards, terminated, truncated, infos = env.step(["go", "stop", "go"])
    assert rewards.tolist() == [0.0, 1.0, 0.0]
    assert terminated.tolist() == [False, True, False]
    assert infos["won"].tolist() == [False, True, False]
    kept = observations[0]
    observations, infos = env.reset(seed=20, options={"reset_mask": terminated})
    assert observations[0] == kept
    assert infos["_task"].tolist() == [False, True, False]
    assert infos["task"][1] == "count-21"
    observations, rewards, terminated, truncated, infos = env.step([None, "stop", "go"])
    assert observations[0] == kept
    assert rewards.tolist() == [0.0, 1.0, 0.0]
    assert truncated.tolist() == [False, False, True]
    assert infos["_won"].tolist() == [False, True, True]
    with pytest.raises(RequestRefused, match="episode 0 has ended"):
        env.step(["go", None, "go"])
    assert env.replies[0].turn == 2, "the item that was accepted is kept"
    env.close()


def test_a_group_plays_one_task(world):
    env = RemoteVectorEnv("local:", world("Counter"), 4, group=True)
    observations, _ = env.reset(seed=1)
    assert len(set(observations)) == 1
    again, _ = env.reset()
    assert len(set(again)) == 1 and again != observations
    with pytest.raises(UsageError, match=r"reset_mask is int64\[3\]; expected bool\[4\]"):
        env.reset(options={"reset_mask": np.array([0, 1, 1])})
    with pytest.raises(UsageError, match="got 2 actions, expected 4"):
        env.step(["go", "go"])
    env.close()


def answering(*responses: httpx.Response | type[httpx.TransportError]) -> tuple[httpx.MockTransport, list]:
    """Return a transport that gives these answers in turn, the last one for ever."""
    seen: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        answer = responses[min(len(seen), len(responses) - 1)]
        seen.append(request)
        if isinstance(answer, httpx.Response):
            return answer
        raise answer("broken", request=request)

    return httpx.MockTransport(handle), seen


async def no_sleep(_: float) -> None:
    return None


OURS = {"turnwise-protocol": "1"}


def envs_of(transport: httpx.MockTransport, **options) -> list:
    async def run() -> list:
        client = connect("http://test", network=transport, sleep=no_sleep, **options)
        try:
            return await client.envs()
        finally:
            await client.aclose()

    return asyncio.run(run())


def test_retries_get_through():
    fine = httpx.Response(200, json={"envs": [{"id": "a"}]}, headers=OURS)
    full = httpx.Response(429, json={"code": "capacity"}, headers={**OURS, "retry-after": "1"})
    proxy = httpx.Response(502, text="<html>")
    transport, seen = answering(httpx.ConnectError, httpx.ReadTimeout, proxy, full, fine)
    assert envs_of(transport) == [{"id": "a"}]
    assert len(seen) == 5


def test_it_is_said_once_that_nothing_answers_and_for_how_long_that_is_borne(caplog):
    fine = httpx.Response(200, json={"envs": [{"id": "a"}]}, headers=OURS)
    transport, _ = answering(httpx.ConnectError, httpx.ReadTimeout, fine)
    assert envs_of(transport, budget_s=30.0) == [{"id": "a"}]
    assert [message.partition("; ")[2] for message in caplog.messages] == ["trying again for up to 30 s"]
    assert "ConnectError" in caplog.text
    caplog.clear()
    transport, _ = answering(httpx.ConnectError)
    with pytest.raises(ServerUnreachable):
        envs_of(transport, budget_s=0.05)  # the error is there as soon as it is read
    assert caplog.messages == []


@pytest.mark.parametrize(
    ("answer", "error", "text"),
    [
        (httpx.ConnectError, ServerUnreachable, "gave no answer in .* tries within 0.05 s.*turnwise serve"),
        (httpx.Response(200, text="<html>"), ServerError, "is no turnwise server"),
        (httpx.Response(200, json={}, headers={"turnwise-protocol": "2"}), ServerError, "speaks protocol 2"),
        (httpx.Response(200, text="{", headers=OURS), ServerError, "no JSON"),
        (
            httpx.Response(401, json={"code": "unauthorized", "detail": "no key"}, headers=OURS),
            RequestRefused,
            "401 unauthorized: no key; set TURNWISE_KEY to a key of it, or give key=",
        ),
    ],
)
def test_what_cannot_be_retried_is_told(answer, error, text):
    transport, _ = answering(answer)
    with pytest.raises(error, match=text):
        envs_of(transport, budget_s=0.05)


def test_a_refused_create_is_a_problem_of_each_session(make_service, world):
    async def run() -> None:
        client = over_http(make_service())
        rows = await client.create([CreateItem("nothing/x-v0", count=2)], request_id="a")
        assert [row.code for row in rows if isinstance(row, Problem)] == ["unknown_environment"] * 2
        await client.aclose()

    asyncio.run(run())


def test_slow_steps_are_asked_for_again(make_service, world):
    async def run() -> None:
        client = over_http(make_service({"*": "thread"}), timeout_s=0.1)
        (first,) = await client.create([CreateItem(world("Sleepy"))], request_id="a")
        (reply,) = await client.step([StepItem(first.id, 0, 0, "sleep 0.3")])
        assert (reply.turn, reply.end) == (1, None)
        impatient = over_http(
            client_service := make_service({"*": "thread"}), timeout_s=0.1, step_timeout_s=0.1
        )
        (first,) = await impatient.create([CreateItem(world("Sleepy"))], request_id="a")
        with pytest.raises(ServerUnreachable, match=r"still run after 0\.1 s"):
            await impatient.step([StepItem(first.id, 0, 0, "sleep 0.5")])
        await client_service.aclose()

    asyncio.run(run())


def test_waits_grow_and_end_with_the_budget():
    now = [0.0]
    budget = Budget(10.0, clock=lambda: now[0], draw=lambda: 1.0)
    waits = []
    while (wait := budget.next_wait_s()) is not None:
        waits.append(wait)
        now[0] += wait
    assert waits[:4] == [0.05, 0.1, 0.2, 0.4]
    assert sum(waits) < 10.0
    assert Budget(1.0, clock=lambda: 0.0).next_wait_s(at_least_s=2.0) is None


def test_an_address_needs_its_scheme():
    with pytest.raises(UsageError, match="expected http://HOST:PORT"):
        connect("localhost:8000")
