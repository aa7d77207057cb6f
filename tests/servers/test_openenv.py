"""OpenEnv both ways: its messages drive our environments, and its servers are environments here.

Where the package `openenv` is installed its own client and server are used, too.
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect

from turnwise.errors import EnvironmentFault, ServerUnreachable, UsageError
from turnwise.servers.openenv_env import OpenEnv
from turnwise.servers.process import ServerProcess

WORLD = f"{Path(__file__).with_name('worlds.py')}:Counter"


@pytest.fixture(scope="module")
def server():
    with ServerProcess(["--env", WORLD]) as server:
        yield server


async def ask(socket: Any, **message: Any) -> dict:
    await socket.send(json.dumps(message))
    return json.loads(await socket.recv())


@pytest.mark.parametrize("base", ["", f"/openenv/{WORLD}"])
def test_its_messages_drive_our_environments(server, base):
    async def run() -> None:
        async with connect(server.url.replace("http", "ws") + base + "/ws") as socket:
            first = await ask(socket, type="reset", data={"seed": 5, "episode_id": "mine"})
            assert first["type"] == "observation"
            assert first["data"]["observation"]["info"]["task"] == "count-5"
            assert first["data"]["done"] is False
            step = await ask(socket, type="step", data={"action": "go"})
            assert step["data"]["observation"]["text"].startswith("turn 1 go")
            state = await ask(socket, type="state")
            assert state["data"]["step_count"] == 1
            done = await ask(socket, type="step", data={"action": "stop"})
            assert (done["data"]["done"], done["data"]["reward"]) == (True, 1.0)
            over = await ask(socket, type="step", data={"action": "go"})
            assert over["type"] == "error" and "has ended" in over["data"]["message"]
            again = await ask(socket, type="reset", data={"seed": 5})
            assert again["data"]["observation"] == first["data"]["observation"]
            assert (await ask(socket, type="nothing"))["data"]["code"] == "VALIDATION_ERROR"
            assert (await ask(socket, type="step", data={"text": "go"}))["type"] == "error"
            assert len(httpx.get(f"{server.url}/v1/sessions").json()["sessions"]) == 1
            await socket.send('{"type": "close"}')
            await socket.wait_closed()

    asyncio.run(run())
    assert httpx.get(f"{server.url}/v1/sessions").json()["sessions"] == [], "closed with the connection"


def test_an_openenv_server_is_an_environment_here(server):
    env = OpenEnv(server.url, observation_key="text")
    first, info = env.reset(seed=5)
    assert info["openenv"]["info"]["task"] == "count-5"
    assert env.step("go")[0].startswith("turn 1 go")
    observation, reward, terminated, truncated, _ = env.step('{"action": "stop"}')
    assert (reward, terminated, truncated) == (1.0, True, False)
    assert observation.startswith("turn 2 stop")
    with pytest.raises(EnvironmentFault, match="has ended"):
        env.step("go")
    assert env.reset(seed=5)[0] == first
    with pytest.raises(EnvironmentFault, match="cannot be cloned"):
        env.clone()
    env.close()
    whole = OpenEnv(server.url)
    assert json.loads(whole.reset(seed=5)[0])["text"] == first
    whole.close()
    with pytest.raises(ServerUnreachable, match="Refused"):
        OpenEnv("http://127.0.0.1:9").reset()
    with pytest.raises(UsageError, match="expected http"):
        OpenEnv("localhost")


def test_its_own_client(server):
    generic = pytest.importorskip(
        "openenv.core.generic_client", reason="the package openenv-core is not installed"
    )

    async def run() -> None:
        async with generic.GenericEnvClient(base_url=server.url) as client:
            assert (await client.reset(seed=5)).observation["info"]["task"] == "count-5"
            assert (await client.step({"action": "go"})).observation["text"].startswith("turn 1 go")
            assert (await client.state())["step_count"] == 1

    asyncio.run(run())
