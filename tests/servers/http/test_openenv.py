"""OpenEnv both ways: its messages drive our environments, and its servers are environments here.

With the package openenv-core in an environment of its own (make openenv) its own client
and server are used, too.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect

from turnwise.envs.adapters.openenv import OpenEnv
from turnwise.errors import EnvironmentFault, ServerUnreachable, UsageError
from turnwise.servers.client.server_process import ServerProcess

ROOT = Path(__file__).resolve().parents[3]
WORLD = f"{(Path(__file__).parents[1] / 'worlds.py')}:Counter"


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


@pytest.fixture(scope="module")
def its_python() -> str:
    """Return a Python that has openenv-core, which wants other versions of what we use ourselves."""
    given = os.environ.get("TURNWISE_OPENENV_PYTHON", str(ROOT / ".openenv" / "bin" / "python"))
    if not Path(given).exists():
        pytest.skip("the package openenv-core is not installed: make openenv")
    return given


@pytest.mark.openenv
def test_its_own_client_drives_our_environments(server, its_python):
    script = str(Path(__file__).parents[1] / "openenv_probe.py")
    done = subprocess.run([its_python, script, server.url], capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert seen["first"]["info"]["task"] == "count-5"
    assert seen["steps"][0].startswith("turn 1 go ")
    assert seen["steps"][1].startswith("turn 2 stop ")
    assert (seen["done"], seen["reward"]) == ([False, True], 1.0)
    assert seen["step_count"] == 2
    assert seen["again"] == seen["first"], "the same seed gives the same task"
    assert httpx.get(f"{server.url}/v1/sessions").json()["sessions"] == []


@pytest.mark.openenv
@pytest.mark.parametrize("kind", ["sync", "async"])
def test_its_own_server_is_an_environment_here(its_python, kind):
    peer = str(ROOT / "benchmarks" / "serving" / "openenv_peer.py")
    process = subprocess.Popen([its_python, peer, "--kind", kind], stdout=subprocess.PIPE, text=True)
    try:
        env = OpenEnv(f"http://127.0.0.1:{int(process.stdout.readline())}", "text", "text")
        assert env.reset(seed=1)[0] == "x" * 64
        assert [int(env.step("go")[0]) for _ in range(3)] == [1, 2, 3]
        assert env.reset(seed=1)[0] == "x" * 64
        assert int(env.step("go")[0]) == 1
        with pytest.raises(EnvironmentFault, match="answered"):
            env.step('{"txt": "go"}')
        env.close()
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
