"""OpenEnv both ways: its messages drive our environments, and its servers are environments here.

With the package openenv-core in an environment of its own (make openenv) its own client
and server are used, too.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect

from turnwise.envs.adapters.openenv import OpenEnv
from turnwise.envs.core import Checked
from turnwise.errors import EnvironmentFault, ServerUnreachable, UsageError
from turnwise.servers.client.server_process import ServerProcess
from turnwise.servers.http.dispatch import Calls
from turnwise.servers.http.keys import ANYONE
from turnwise.servers.http.openenv import serve_openenv
from turnwise.servers.isolation.catalogue import Catalogue
from turnwise.servers.protocol.limits import Limits
from turnwise.servers.sessions.leases import reap
from turnwise.servers.sessions.service import Service

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


KEY = "a-secret-of-enough+length"


@pytest.fixture(scope="module")
def keyed(tmp_path_factory):
    keys = tmp_path_factory.mktemp("keys") / "keys"
    keys.write_text(f"ann {KEY}\nbob another-secret-of-length evaluation\n")
    other = WORLD.replace("Counter", "Fragile")
    with ServerProcess(["--env", WORLD, "--env", other, "--key-file", str(keys)]) as server:
        yield server


@pytest.mark.parametrize("key", [KEY, KEY.replace("+", "%2B")])
def test_a_key_goes_into_the_path_and_into_no_log(keyed, key):
    async def run() -> None:
        url = keyed.url.replace("http", "ws")
        async with connect(f"{url}/key/{key}/openenv/{WORLD}/ws") as socket:
            first = await ask(socket, type="reset", data={"seed": 5, "expert": True})
            assert first["data"]["observation"]["info"]["task"] == "count-5"
        async with connect(f"{url}/key/wrong-{key}/openenv/{WORLD}/ws") as socket:
            refused = await ask(socket, type="reset", data={})
            assert "/key/SECRET" in refused["data"]["message"]

    asyncio.run(run())
    httpx.get(f"{keyed.url}/key/{KEY}/health")
    assert KEY not in keyed.log_tail()
    assert key not in keyed.log_tail()


@pytest.mark.parametrize(("path", "told"), [("", "/key/SECRET"), (f"/key/{KEY}", "/openenv/ENV_ID")])
def test_a_bare_address_is_told_what_it_lacks(keyed, path, told):
    async def run() -> None:
        async with connect(f"{keyed.url.replace('http', 'ws')}{path}/ws") as socket:
            answer = await ask(socket, type="reset", data={})
            assert answer["type"] == "error"
            assert told in answer["data"]["message"]

    asyncio.run(run())


class Line:
    """An OpenEnv connection without a socket."""

    def __init__(self, calls: Any) -> None:
        self._in: asyncio.Queue[dict] = asyncio.Queue()
        self._out: asyncio.Queue[dict] = asyncio.Queue()
        self._in.put_nowait({"type": "websocket.connect"})
        self._task = asyncio.create_task(serve_openenv(calls, ANYONE, WORLD, self._in.get, self._out.put))

    async def ask(self, **message: Any) -> dict:
        self._in.put_nowait({"type": "websocket.receive", "text": json.dumps(message)})
        while "text" not in (answer := await self._out.get()):
            pass
        return json.loads(answer["text"])

    async def hang_up(self) -> None:
        self._in.put_nowait({"type": "websocket.disconnect"})
        await self._task


def run_line(talk: Any, ttl_s: float) -> None:
    async def run() -> None:
        service = Service(Catalogue([WORLD]), limits=Limits(ttl_s=ttl_s))
        line = Line(Calls(service))
        async with asyncio.timeout(20):
            await talk(service, line)
            await line.hang_up()
        assert not service.sessions
        await service.aclose()

    asyncio.run(run())


def test_an_open_connection_keeps_its_session():
    async def renewed(service: Service, line: Line) -> None:
        await line.ask(type="reset", data={})
        (session,) = service.sessions.values()
        before = session.touched
        while session.touched == before:
            await asyncio.sleep(0.01)
        assert reap(service) == []

    run_line(renewed, 0.3)


def test_a_reset_after_a_lease_that_ran_out_begins_anew():
    async def talk(service: Service, line: Line) -> None:
        first = await line.ask(type="reset", data={"seed": 3})
        service.remove(list(service.sessions))
        gone = await line.ask(type="step", data={"action": "go"})
        assert gone["type"] == "error" and "no session" in gone["data"]["message"]
        again = await line.ask(type="reset", data={"seed": 3})
        assert again["data"]["observation"] == first["data"]["observation"]
        assert (await line.ask(type="step", data={"action": "go"}))["type"] == "observation"

    run_line(talk, 600.0)


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
        Checked(env, "openenv").clone()
    env.close()
    whole = OpenEnv(server.url)
    assert json.loads(whole.reset(seed=5)[0])["text"] == first
    whole.close()
    with pytest.raises(ServerUnreachable, match="Refused"):
        OpenEnv("http://127.0.0.1:9").reset()
    with pytest.raises(UsageError, match="expected http"):
        OpenEnv("localhost")


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
