"""Forks, leases, admission and quotas.

1. 64 forks of one session are identical and stay so; with reseed their futures differ.
2. A tree of 1 000 nodes is explored over the wire.
3. What cannot be cloned is replayed; a fork of an ended episode answers from store.
4. A lease ends after its time to live, never while a step runs; any call renews it.
5. A full server refuses with 429 and Retry-After, or lets those wait that ask, in order;
   a key at its quota holds up nobody else.
6. RequestMemory to create are kept up to a bound.
"""

from __future__ import annotations

import asyncio

import httpx
import pytest

from turnwise.envs.registry import load_class
from turnwise.servers.client import SessionClient, connect
from turnwise.servers.client.transports.local import LocalTransport
from turnwise.servers.http.control_plane import Application
from turnwise.servers.http.keys import Caller, Keys
from turnwise.servers.protocol.limits import Limits
from turnwise.servers.protocol.problems import Refused, capacity
from turnwise.servers.protocol.types import CreateItem, ForkItem, StepItem
from turnwise.servers.sessions import creation
from turnwise.servers.sessions.leases import reap
from turnwise.servers.sessions.request_memory import RequestMemory


def test_64_forks_are_identical_and_reseeded_ones_differ(make_service, world):
    async def run(name: str) -> None:
        client = SessionClient(LocalTransport(make_service()))
        (root,) = await client.create([CreateItem(world(name), {"length": 50})], request_id="a")
        (before,) = await client.step([StepItem(root.id, 0, 0, "go")])
        same = await client.fork([ForkItem(root.id, 64)], request_id="b")
        assert {(row.turn, row.observation, row.seed) for row in same} == {(1, before.observation, 0)}
        assert len({row.id for row in same}) == 64
        fresh = await client.fork([ForkItem(root.id, 64, reseed=1)], request_id="c")
        assert {row.observation for row in fresh} == {before.observation}
        again = await client.fork([ForkItem(root.id, 64, reseed=1)], request_id="d")

        async def futures(rows: list) -> list:
            seen = []
            for turn in range(1, 4):
                replies = await client.step([StepItem(row.id, 0, turn, "go") for row in rows])
                seen.append([reply.observation for reply in replies])
            return seen

        of_same, of_fresh, of_again = await futures(same), await futures(fresh), await futures(again)
        assert all(len(set(row)) == 1 for row in of_same)
        assert all(len(set(row)) == 64 for row in of_fresh)
        assert of_fresh == of_again, "reseed decides the future"
        (alone,) = await client.step([StepItem(root.id, 0, 1, "go")])
        assert alone.observation == of_same[0][0], "the parent goes on as its copies do"

    for name in ("Counter", "Locked"):  # the second cannot be cloned, and is replayed
        asyncio.run(run(name))


def test_a_tree_of_1000_nodes(make_service, world):
    async def run() -> None:
        client = connect("http://test", network=httpx.ASGITransport(app=Application(make_service())))
        (root,) = await client.create([CreateItem(world("Counter"), {"length": 50})], request_id="root")
        layer, paths = [root], {root.id: ()}
        num_nodes = 1
        while num_nodes < 1000:
            forks = [ForkItem(row.id, 3) for row in layer]
            children = await client.fork(forks, request_id=f"layer-{num_nodes}")
            actions = [f"branch {i % 3}" for i in range(len(children))]
            steps = [
                StepItem(child.id, child.episode, child.turn, action)
                for child, action in zip(children, actions, strict=True)
            ]
            parents = [row for row in layer for _ in range(3)]
            for child, parent, action in zip(children, parents, actions, strict=True):
                paths[child.id] = (*paths[parent.id], action)
            layer = await client.step(steps)
            num_nodes += len(layer)
        leaf = layer[-1]
        assert leaf.turn == len(paths[leaf.id]) == 6
        (fresh,) = await client.create([CreateItem(world("Counter"), {"length": 50})], request_id="line")
        for turn, action in enumerate(paths[leaf.id]):
            (fresh,) = await client.step([StepItem(fresh.id, 0, turn, action)])
        assert fresh.observation == leaf.observation, "a branch is what the same actions give"
        await client.close(list(paths))
        await client.aclose()

    asyncio.run(run())


def test_forks_of_ended_and_busy_sessions(make_service, talk, world, monkeypatch):
    gate = load_class(world("Gated")).gate
    gate.clear()

    async def conversation(http: httpx.AsyncClient) -> None:
        body = {"items": [{"env_id": world("Counter")}, {"env_id": world("Gated")}]}
        done, held = [row["id"] for row in (await http.post("/v1/sessions", json=body)).json()["sessions"]]
        last = (
            await http.post(f"/v1/sessions/{done}/step", json={"episode": 0, "turn": 0, "action": "stop"})
        ).json()
        step = {"episode": 0, "turn": 0, "action": "hold"}
        running = asyncio.create_task(http.post(f"/v1/sessions/{held}/step", json=step))
        await asyncio.sleep(0.05)
        fork = {"items": [{"id": done, "count": 1}, {"id": held, "count": 1}], "request_id": "f"}
        monkeypatch.setattr(creation, "_FORK_WAIT_S", 0.05)
        busy = await http.post("/v1/fork", json=fork)
        assert (busy.status_code, busy.json()["code"], busy.headers["retry-after"]) == (409, "busy", "1")
        assert len((await http.get("/v1/sessions")).json()["sessions"]) == 2, "all of a request, or nothing"
        monkeypatch.setattr(creation, "_FORK_WAIT_S", 20)
        forking = asyncio.create_task(http.post("/v1/fork", json=fork))
        await asyncio.sleep(0.05)
        assert not forking.done(), "it waits for the step"
        gate.set()
        child, other = (await forking).json()["sessions"]
        assert (child["end"], child["observation"]) == ("terminated", last["observation"])
        assert other["turn"] == 1
        assert (await http.post("/v1/fork", json=fork)).json()["sessions"][0]["id"] == child["id"]
        assert len((await http.get("/v1/sessions")).json()["sessions"]) == 4
        path = f"/v1/sessions/{child['id']}"
        assert (
            await http.post(f"{path}/step", json={"episode": 0, "turn": 0, "action": "stop"})
        ).json() == child
        assert (await http.post(f"{path}/reset", json={"episode": 1})).json()["turn"] == 0
        assert (await running).json()["turn"] == 1

    talk(make_service({"*": "thread"}), conversation)


def test_leases(make_service, talk, world):
    now = [0.0]
    gate = load_class(world("Gated")).gate
    gate.clear()
    service = make_service({world("Gated"): "thread"}, limits=Limits(ttl_s=10), clock=lambda: now[0])

    async def conversation(http: httpx.AsyncClient) -> None:
        body = {"items": [{"env_id": world("Gated")}, {"env_id": world("Counter"), "count": 2}]}
        rows = (await http.post("/v1/sessions", json=body)).json()["sessions"]
        held, used, idle = [row["id"] for row in rows]
        step = {"episode": 0, "turn": 0, "action": "hold"}
        running = asyncio.create_task(http.post(f"/v1/sessions/{held}/step", json=step))
        await asyncio.sleep(0.05)
        now[0] = 9.0
        assert reap(service) == []
        await http.post("/v1/heartbeat", json={"ids": [used]})
        now[0] = 11.0
        assert reap(service) == [idle], "a step that runs and a heartbeat keep a session"
        gate.set()
        assert (await running).json()["turn"] == 1
        now[0] = 18.0
        assert (await http.get(f"/v1/sessions/{used}")).status_code == 200
        assert reap(service) == []
        now[0] = 22.0
        assert reap(service) == [held], "the lease counts from the end of the step"
        now[0] = 29.0
        assert reap(service) == [used]
        assert (await http.get(f"/v1/sessions/{used}")).status_code == 404
        assert "turnwise_sessions_expired_total 3" in (await http.get("/metrics")).text

    talk(service, conversation)


def test_a_full_server_refuses_or_lets_wait(make_service, talk, world):
    async def conversation(http: httpx.AsyncClient) -> None:
        async def create(count: int, wait_s: float = 0.0, request_id: str | None = None) -> httpx.Response:
            body = {"env_id": world("Counter"), "count": count}
            if request_id:
                body["request_id"] = request_id
            return await http.post("/v1/sessions", json=body, headers={"prefer": f"wait={wait_s}"})

        ids = [row["id"] for row in (await create(4)).json()["sessions"]]
        full = await create(1, request_id="r")
        assert (full.status_code, full.json()["code"]) == (429, "capacity")
        assert full.headers["retry-after"] == "1"
        assert (await create(5, 10)).status_code == 429, "what can never fit does not wait"
        assert (await create(1, 0.05)).status_code == 429
        big = asyncio.create_task(create(3, 20))
        await asyncio.sleep(0.02)
        small = asyncio.create_task(create(1, 20))
        await asyncio.sleep(0.02)
        await http.post("/v1/close", json={"ids": ids[:1]})
        await asyncio.sleep(0.02)
        assert not big.done() and not small.done(), "the small one does not overtake"
        await http.post("/v1/close", json={"ids": ids[1:3]})
        big_ids = [row["id"] for row in (await big).json()["sessions"]]
        assert not small.done()
        await http.delete(f"/v1/sessions/{big_ids[0]}")
        assert (await small).status_code == 200
        await http.delete(f"/v1/sessions/{big_ids[1]}")
        assert (await create(1, request_id="r")).status_code == 200, "a refusal is not kept as the answer"

    talk(make_service(limits=Limits(max_sessions=4)), conversation)


def test_quotas_of_keys(make_service, talk, world):
    keys = Keys({f"secret-of-{name}-long-enough": Caller(name) for name in ("ann", "bob")})
    service = make_service(limits=Limits(max_sessions=10, max_sessions_per_key=2))

    async def conversation(http: httpx.AsyncClient) -> None:
        async def create(name: str, wait_s: float = 0.0) -> httpx.Response:
            headers = {"authorization": f"Bearer secret-of-{name}-long-enough", "prefer": f"wait={wait_s}"}
            return await http.post("/v1/sessions", json={"env_id": world("Counter")}, headers=headers)

        first = (await create("ann")).json()["sessions"][0]["id"]
        await create("ann")
        refused = await create("ann")
        assert refused.status_code == 429
        assert "2 of 2 of this key" in refused.json()["detail"]
        waiting = asyncio.create_task(create("ann", 20))
        await asyncio.sleep(0.02)
        assert (await create("bob")).status_code == 200, "one key's queue holds up no other"
        headers = {"authorization": "Bearer secret-of-ann-long-enough"}
        await http.delete(f"/v1/sessions/{first}", headers=headers)
        assert (await waiting).status_code == 200

    talk(service, conversation, keys)


def test_answers_are_kept_up_to_a_bound():
    async def run() -> None:
        answers, done = RequestMemory(2), []

        async def work(digest: bytes) -> bytes:
            done.append(digest)
            return b"%d" % len(done)

        assert [await answers.once("", name, b"x", work) for name in "abab"] == [b"1", b"2", b"1", b"2"]
        assert await answers.once("", "c", b"x", work) == b"3"
        assert await answers.once("", "a", b"x", work) == b"4", "the oldest has made room"
        assert await answers.once("other key", "a", b"y", work) == b"5"

        async def refuse(_: bytes) -> bytes:
            raise Refused(capacity("full", 1))

        for _ in range(2):
            try:
                await answers.once("", "z", b"x", refuse)
            except Refused:
                done.append(b"refused")
        assert done[-2:] == [b"refused", b"refused"], "a refusal is not kept"

    asyncio.run(run())


@pytest.mark.parametrize("limits", [(4, 1 << 20), (100, 40)], ids=["answers", "bytes"])
def test_no_key_makes_another_forget(limits):
    async def run() -> None:
        answers, num_done = RequestMemory(*limits), 0

        async def work(_: bytes) -> bytes:
            nonlocal num_done
            num_done += 1
            return b"%10d" % num_done

        for name in ("a", "b"):
            await answers.once("quiet", name, b"x", work)
        for number in range(20):
            await answers.once("loud", str(number), b"x", work)
        assert num_done == 22
        assert await answers.once("quiet", "a", b"x", work) == b"         1"
        assert await answers.once("loud", "18", b"x", work) == b"        21", "a half is its own, too"
        await answers.once("loud", "17", b"x", work)
        assert num_done == 23

    asyncio.run(run())


def test_an_answer_that_is_too_long_is_kept_while_it_is_the_last():
    async def run() -> None:
        answers, done = RequestMemory(10, 5), []

        async def work(_: bytes) -> bytes:
            done.append(b"longer than five bytes")
            return done[-1]

        for name in "aabba":
            await answers.once("", name, b"x", work)
        assert len(done) == 3

    asyncio.run(run())


def test_an_environment_that_fails_when_it_starts_is_released(make_service, talk, world, monkeypatch):
    closed = []
    monkeypatch.setattr(load_class(world("Fragile")), "close", lambda _: closed.append(1), raising=False)

    async def conversation(http: httpx.AsyncClient) -> None:
        body = {"env_id": world("Fragile"), "options": {"raise": True}, "count": 2}
        assert (await http.post("/v1/sessions", json=body)).status_code == 422
        assert len(closed) == 2

    talk(make_service(), conversation)
