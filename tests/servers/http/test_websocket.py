"""The calls over a websocket: the same answers as over HTTP, as they are ready, each with its number."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from turnwise.servers.client.server_process import ServerProcess

SECRET = "a-secret-of-enough-length"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    worlds = Path(__file__).parents[1] / "worlds.py"
    keys = tmp_path_factory.mktemp("keys") / "keys"
    keys.write_text(f"ann {SECRET}\nbob {SECRET[::-1]}\n")
    arguments = [word for name in ("Counter", "Waiting") for word in ("--env", f"{worlds}:{name}")]
    with ServerProcess([*arguments, "--key-file", str(keys)]) as server:
        yield server


async def ask(socket: Any, number: int, call: str, body: dict | None = None, **more: Any) -> dict:
    await socket.send(json.dumps({"request": number, "call": call, "body": body or {}, **more}))
    answer = json.loads(await socket.recv())
    assert answer["request"] == number
    return answer


def address(server: ServerProcess) -> str:
    return server.url.replace("http", "ws") + "/v1/ws"


def test_an_episode_and_the_same_bytes_over_http(server, world):
    async def run() -> None:
        headers = {"Authorization": f"Bearer {SECRET}"}
        async with connect(address(server), additional_headers=headers) as socket:
            made = await ask(socket, 1, "create", {"env_id": world("Counter"), "count": 2})
            one, two = made["body"]["sessions"]
            step = {"id": one["id"], "episode": 0, "turn": 0, "action": "go"}
            reply = await ask(socket, 2, "step", step)
            assert (reply["status"], reply["body"]["turn"]) == (200, 1)
            path = f"{server.url}/v1/sessions/{one['id']}/step"
            again = httpx.post(path, json={k: v for k, v in step.items() if k != "id"}, headers=headers)
            assert again.json() == reply["body"]
            short = await ask(socket, 3, "step", step, fields=["won"])
            assert list(short["body"]["info"]) == ["won"]
            batch = await ask(socket, 4, "steps", {"items": [step, {**step, "id": two["id"]}]})
            assert [row["turn"] for row in batch["body"]["items"]] == [1, 1]
            reset = await ask(socket, 5, "reset", {"items": [{"id": two["id"], "episode": 1}]})
            assert reset["body"]["items"][0]["episode"] == 1
            fork = await ask(socket, 6, "fork", {"items": [{"id": one["id"]}]})
            assert fork["body"]["sessions"][0]["turn"] == 1
            assert (await ask(socket, 7, "describe", {"id": one["id"]}))["body"]["turn"] == 1
            polled = await ask(socket, 7, "describe", {"id": one["id"], "turn": 0}, fields=["won"])
            assert (polled["body"]["turn"], list(polled["body"]["info"])) == (1, ["won"])
            for turn in (1, -1, True, "0"):
                refused = await ask(socket, 7, "describe", {"id": one["id"], "turn": turn})
                assert refused["status"] == (409 if turn == 1 and turn is not True else 422)
            assert len((await ask(socket, 8, "sessions"))["body"]["sessions"]) == 3
            assert len((await ask(socket, 9, "envs"))["body"]["envs"]) == 2
            wrong = await ask(socket, 10, "step", {**step, "turn": 7})
            assert (wrong["status"], wrong["body"]["code"]) == (409, "wrong_turn")

    asyncio.run(run())


def test_answers_come_as_they_are_ready(server, world):
    async def run() -> None:
        async with connect(
            address(server), additional_headers={"Authorization": f"Bearer {SECRET}"}
        ) as socket:
            ids = []
            for number, name in enumerate(("Waiting", "Counter")):
                made = await ask(socket, number, "create", {"env_id": world(name)})
                ids.append(made["body"]["sessions"][0]["id"])
            for number, id in enumerate(ids, start=10):
                step = {"id": id, "episode": 0, "turn": 0, "action": "go"}
                await socket.send(json.dumps({"request": number, "call": "step", "body": step}))
            order = [json.loads(await socket.recv())["request"] for _ in ids]
            assert order == [11, 10]

    asyncio.run(run())


def test_keys_and_malformed_messages(server, world):
    async def run() -> None:
        async with connect(address(server)) as socket:
            refused = await ask(socket, 1, "sessions")
            assert (refused["status"], refused["body"]["code"]) == (401, "unauthorized")
            assert (await ask(socket, 2, "hello", {"key": "wrong"}))["status"] == 401
            assert (await ask(socket, 3, "hello", {"key": SECRET[::-1]}))["status"] == 200
            assert (await ask(socket, 4, "sessions"))["body"]["sessions"] == [], "Bob sees none of Ann's"
            for text, status in [
                ("{", 400),
                ("[]", 422),
                ("{}", 422),
                ('{"request": "1", "call": "envs"}', 422),
                ('{"request": 1, "call": "envs", "more": 1}', 422),
                ('{"request": 1, "call": "nothing"}', 422),
                ('{"request": 1, "call": "step", "body": {"id": 1}}', 422),
                ('{"request": 1, "call": "step", "body": [], "wait_s": 1}', 422),
                ('{"request": 1, "call": "envs", "wait_s": -1}', 422),
                ('{"request": 1, "call": "envs", "fields": "won"}', 422),
                ('{"request": 1, "call": "describe", "body": {"id": "x"}}', 404),
                ('{"request": 1, "call": "describe", "body": {"id": "x", "trun": 1}}', 422),
                ('{"request": 1, "call": "journal", "body": {"id": "x", "more": 1}}', 422),
                ('{"request": 1, "call": "sessions", "body": {"more": 1}}', 422),
                ('{"request": 1, "call": "envs", "body": {"more": 1}}', 422),
                ('{"request": 1, "call": "hello", "body": {"key": "x", "more": 1}}', 422),
                ('{"request": ' + "[" * 900 + "]" * 900 + ', "call": "envs"}', 413),
            ]:
                await socket.send(text)
                assert json.loads(await socket.recv())["status"] == status, text
            assert (await ask(socket, 5, "envs"))["status"] == 200, "the connection is unharmed"

    asyncio.run(run())


def test_a_server_that_stops_answers_first(world):
    async def run(server: ServerProcess) -> None:
        url = server.url.replace("http", "ws")
        async with connect(f"{url}/v1/ws") as ours, connect(f"{url}/openenv/{world('Sleepy')}/ws") as openenv:
            id = (await ask(ours, 1, "create", {"env_id": world("Sleepy")}))["body"]["sessions"][0]["id"]
            step = {"id": id, "episode": 0, "turn": 0, "action": "sleep 1.5"}
            await ours.send(json.dumps({"request": 2, "call": "step", "body": step}))
            await openenv.send('{"type": "reset", "data": {}}')
            await openenv.recv()
            await openenv.send('{"type": "step", "data": {"action": "sleep 1.5"}}')
            while not (await ask(ours, 3, "describe", {"id": id}))["body"]["running"]:
                await asyncio.sleep(0.01)
            stopping = asyncio.create_task(asyncio.to_thread(server.stop))
            told = json.loads(await ours.recv())
            assert (told["request"], told["status"], told["body"]["turn"]) == (2, 200, 1)
            assert json.loads(await openenv.recv())["data"]["observation"]["text"].startswith("turn 1 sleep")
            with pytest.raises(ConnectionClosed):
                await ours.recv()
            assert await stopping == 0

    with ServerProcess(["--env", world("Sleepy"), "--isolation", "thread"]) as server:
        asyncio.run(run(server))
    with ServerProcess(["--env", world("Sleepy"), "--isolation", "thread", "--drain", "1"]) as server:
        asyncio.run(_hang(server, world("Sleepy")))


async def _hang(server: ServerProcess, env_id: str) -> None:
    async with connect(address(server)) as socket:
        id = (await ask(socket, 1, "create", {"env_id": env_id}))["body"]["sessions"][0]["id"]
        step = {"id": id, "episode": 0, "turn": 0, "action": "sleep 500"}
        await socket.send(json.dumps({"request": 2, "call": "step", "body": step}))
        await ask(socket, 3, "envs")
        assert await asyncio.to_thread(server.stop) == 0, "what hangs does not keep it from stopping"
