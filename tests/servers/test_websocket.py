"""The calls over a websocket: the same answers as over HTTP, as they are ready, each with its number."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect

from turnwise.servers.process import ServerProcess

SECRET = "a-secret-of-enough-length"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    worlds = Path(__file__).with_name("worlds.py")
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
            ]:
                await socket.send(text)
                assert json.loads(await socket.recv())["status"] == status, text
            assert (await ask(socket, 5, "envs"))["status"] == 200, "the connection is unharmed"

    asyncio.run(run())
