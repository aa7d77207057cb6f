"""Steps whose answers come as each is done: the same from both clients.

1. A slow environment holds up none of the others, in process and over HTTP, through one
   worker and through several.
2. The answers are those of `step`, each with its place; a session is named once.
3. A refusal of the whole becomes one of each item; when a stream breaks off only the rest is asked
   for again.
4. While nothing is done the stream says that it lives; a listener that leaves breaks nothing.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import aclosing
from pathlib import Path
from typing import Any

import httpx
import pytest

from turnwise.errors import ServerError, ServerUnreachable, UsageError
from turnwise.servers.client import ServerProcess, SessionClient, connect
from turnwise.servers.client.transports.local import LocalTransport
from turnwise.servers.http import dispatch as calls_module
from turnwise.servers.http.control_plane import Application
from turnwise.servers.http.keys import ANYONE
from turnwise.servers.isolation.catalogue import Catalogue
from turnwise.servers.protocol.types import CreateItem, Problem, Reply, StepItem
from turnwise.servers.sessions.service import Service

WORLDS = Path(__file__).parents[1] / "worlds.py"
BARRED, COUNTER = f"{WORLDS}:Barred", f"{WORLDS}:Counter"


async def collect(client: Any, items: list[StepItem]) -> dict[int, Any]:
    return {place: row async for place, row in client.step_each(items)}


async def slow_holds_up_nobody(client: Any, bar: Path) -> None:
    """Step five sessions of which one does not end before the others were seen to."""
    rows = await client.create([CreateItem(BARRED, {"bar": str(bar)}, count=5)], request_id="five")
    actions = ["go", "hold", "go", "go", "go"]
    items = [StepItem(row.id, 0, 0, action) for row, action in zip(rows, actions, strict=True)]
    seen = []
    async with aclosing(client.step_each(items)) as answers:
        async for place, row in answers:
            assert isinstance(row, Reply), row
            assert (row.id, row.turn) == (items[place].id, 1)
            seen.append(place)
            if len(seen) == 4:
                assert 1 not in seen
                fast = rows[0].id
                (next_one,) = await client.step([StepItem(fast, 0, 1, "go")])
                assert next_one.turn == 2, "the fast ones go on"
                (bar / "open").touch()
    assert sorted(seen) == [0, 1, 2, 3, 4]
    assert seen[-1] == 1
    await client.aclose()


def test_in_process(tmp_path):
    service = Service(Catalogue(trusted=True, isolation={"*": "thread"}))

    async def run() -> None:
        await slow_holds_up_nobody(SessionClient(LocalTransport(service)), tmp_path)
        await service.aclose()

    asyncio.run(run())


@pytest.mark.parametrize("workers", ["1", "2"])
def test_over_http(tmp_path, workers):
    arguments = ["--env", BARRED, "--isolation", "thread", "--data-root", str(tmp_path), "--workers", workers]
    with ServerProcess(arguments) as server:
        asyncio.run(slow_holds_up_nobody(connect(server.url), tmp_path))


def over_http(service: Service, **options: Any) -> SessionClient:
    return connect("http://test", network=httpx.ASGITransport(app=Application(service)), **options)


@pytest.mark.parametrize("where", ["local", "http"])
def test_the_answers_are_those_of_step(make_service, world, where):
    async def run() -> None:
        service = make_service({world("Sleepy"): "thread"})
        client = SessionClient(LocalTransport(service)) if where == "local" else over_http(service)
        rows = await client.create(
            [CreateItem(world("Counter"), count=2), CreateItem(world("Sleepy"), count=2)], request_id="a"
        )
        items = [StepItem(row.id, 0, 0, "go") for row in rows]
        items += [StepItem("nobody", 0, 0, "go"), StepItem("x" * 500, 0, 0, "go")]
        items[1] = StepItem(rows[1].id, 0, 5, "go")
        found = await collect(client, items)
        again = await client.step(items)
        for place, row in enumerate(again):
            one = found[place]
            assert type(one) is type(row)
            if isinstance(row, Reply):
                assert one == row, "answered once"
            else:
                assert (one.status, one.code, one.expected) == (row.status, row.code, row.expected)
                assert one.id in (None, items[place].id)
        assert await collect(client, []) == {}
        with pytest.raises(UsageError, match=f"session '{rows[0].id}' is named twice"):
            await collect(client, [items[0], items[2], items[0]])
        await client.aclose()
        await service.aclose()

    asyncio.run(run())


def test_many_sessions(make_service, world):
    async def run() -> None:
        service = make_service()
        client = over_http(service)
        rows = []
        for number in range(3):
            rows += await client.create([CreateItem(world("Counter"), count=500)], request_id=str(number))
        found = await collect(client, [StepItem(row.id, 0, 0, "go") for row in rows])
        assert sorted(found) == list(range(1500))
        assert all(found[place].id == row.id for place, row in enumerate(rows))
        again = await client.step([StepItem(row.id, 0, 0, "go") for row in rows])
        assert again == [found[place] for place in range(1500)], "a batch is cut like a stream"
        await client.aclose()
        await service.aclose()

    asyncio.run(run())


def reply(id: str) -> dict[str, Any]:
    return {
        "id": id, "incarnation": "i", "episode": 0, "turn": 1, "observation": "o", "reward": 0.0,
        "terminated": False, "truncated": False, "end": None, "info": {}, "env_id": "e", "fingerprint": "f",
        "seed": 0,
    }  # fmt: skip


def scripted(*answers: tuple[int, list[Any]] | type[httpx.TransportError]) -> tuple[SessionClient, list[Any]]:
    """Return a client whose server gives these answers in turn, and the ids that it is asked for."""
    asked: list[Any] = []
    left = list(answers)

    async def no_wait(_: float) -> None:
        await asyncio.sleep(0)

    def handle(request: httpx.Request) -> httpx.Response:
        asked.append([item["id"] for item in json.loads(request.content)["items"]])
        answer = left.pop(0)
        if isinstance(answer, type):
            raise answer("broken")
        status, rows = answer
        headers = {"turnwise-protocol": "1"}
        if status == 200 and "application/x-ndjson" not in request.headers.get("accept", ""):
            return httpx.Response(200, headers=headers, json={"items": rows})
        if status == 200:
            lines = "".join((json.dumps(row) if row else "") + "\n" for row in rows)
            return httpx.Response(200, headers=headers, content=lines)
        return httpx.Response(status, headers=headers, json=rows[0])

    client = connect("http://test", network=httpx.MockTransport(handle), sleep=no_wait, budget_s=30.0)
    return client, asked


ITEMS = [StepItem(id, 0, 0, "go") for id in ("a", "b", "c")]


def test_a_stream_that_breaks_off():
    busy = {"code": "busy", "status": 409, "detail": "", "id": "b"}
    draining = {"code": "draining", "status": 503, "detail": ""}
    client, asked = scripted(
        (200, [reply("c"), None, busy]),
        httpx.ReadError,
        (503, [draining]),
        (200, [reply("zzz"), reply("b")]),
        (200, [reply("a")]),
    )
    found = asyncio.run(collect(client, ITEMS))
    assert {place: row.id for place, row in found.items()} == {0: "a", 1: "b", 2: "c"}
    assert asked == [["a", "b", "c"], ["a", "b"], ["a", "b"], ["a", "b"], ["a"]]


def test_a_batch_is_asked_for_again_until_all_is_done():
    running = {"code": "running", "status": 202, "detail": "", "id": "b"}
    gone = {"code": "unknown_session", "status": 404, "detail": "no", "id": None}
    client, asked = scripted(
        (503, [{"code": "draining", "status": 503, "detail": ""}]),
        (200, [reply("a"), running, gone]),
        httpx.ReadError,
        (200, [running]),
        (200, [reply("b")]),
    )
    rows = asyncio.run(client.step(ITEMS))
    assert [row.id for row in rows] == ["a", "b", None]
    assert asked == [["a", "b", "c"]] * 2 + [["b"]] * 3
    client, _ = scripted((200, [reply("a")]))
    with pytest.raises(ServerError, match="gave 1 items where 3 were asked for"):
        asyncio.run(client.step(ITEMS))


def test_refusals_of_the_whole():
    unauthorized = {"code": "unauthorized", "status": 401, "detail": "no", "expected": 1, "todo": "send it"}
    client, _ = scripted((200, [reply("b")]), (401, [unauthorized]))
    found = asyncio.run(collect(client, ITEMS))
    assert isinstance(found[1], Reply)
    for place in (0, 2):
        row = found[place]
        assert isinstance(row, Problem)
        assert (row.status, row.code, row.id) == (401, "unauthorized", ITEMS[place].id)
    client, _ = scripted((401, [unauthorized]))
    assert [(row.code, row.id) for row in asyncio.run(client.step(ITEMS))] == [
        ("unauthorized", item.id) for item in ITEMS
    ]
    client, _ = scripted((200, [["no", "object"]]))
    with pytest.raises(ServerError, match="answered with list, expected an object"):
        asyncio.run(collect(client, ITEMS))
    client = connect("http://127.0.0.1:1", budget_s=0.05)
    with pytest.raises(ServerUnreachable, match=r"has not answered 3 of 3 steps; the last: no connection"):
        asyncio.run(collect(client, ITEMS))


def test_the_stream_says_that_it_lives(tmp_path, monkeypatch):
    monkeypatch.setattr(calls_module, "STREAM_PAUSE_S", 0.01)
    service = Service(Catalogue(trusted=True, isolation={"*": "thread"}))
    client = SessionClient(LocalTransport(service))
    calls = Application(service).calls

    async def run() -> None:
        (row,) = await client.create([CreateItem(BARRED, {"bar": str(tmp_path)})], request_id="one")
        async with aclosing(calls.stream(ANYONE, [StepItem(row.id, 0, 0, "hold")], ())) as lines:
            assert [await anext(lines) for _ in range(3)] == [b"\n"] * 3
            (tmp_path / "open").touch()
            while (line := await anext(lines)) == b"\n":
                pass
        assert json.loads(line)["turn"] == 1
        await service.aclose()

    asyncio.run(run())


def test_a_listener_that_leaves(tmp_path):
    arguments = ["--env", BARRED, "--env", COUNTER, "--isolation", f"{BARRED}=thread"]
    with ServerProcess([*arguments, "--data-root", str(tmp_path)]) as server:

        async def run() -> None:
            client = connect(server.url)
            items = [CreateItem(BARRED, {"bar": str(tmp_path)}), CreateItem(COUNTER)]
            slow, fast = await client.create(items, request_id="two")
            steps = [StepItem(slow.id, 0, 0, "hold"), StepItem(fast.id, 0, 0, "go")]
            async with aclosing(client.step_each(steps)) as answers:
                assert (await anext(answers))[0] == 1
            (tmp_path / "open").touch()
            (row,) = await client.step(steps[:1])
            assert isinstance(row, Reply)
            assert row.turn == 1, "it went on, and is joined"
            await client.aclose()

        asyncio.run(run())
