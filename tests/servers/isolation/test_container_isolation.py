"""Environments in containers of a real engine: what they cannot reach, and that none is left behind.

1. Over HTTP they play as on the event loop, with one worker and with several.
2. Inside there is no network, no root, no capability, no place to write but a little memory,
   no file of this machine but those named, and an end to the number of processes.
3. A container killed from outside is not noticed.
4. No container outlives its server, however that ends and whatever the environment does.
5. One that did is removed when the next server starts; those of living servers stay.
6. An image that is missing, broken or another than the server keeps the server from starting.

That they hang, crash, leak and forge alone is in test_process_isolation.py, with processes.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from turnwise.errors import ServerUnreachable, UsageError
from turnwise.servers.client import ServerProcess, SessionClient, connect
from turnwise.servers.client.transports.local import LocalTransport
from turnwise.servers.isolation.catalogue import Catalogue
from turnwise.servers.isolation.containers import launcher as container_launcher
from turnwise.servers.isolation.containers.engine import labels
from turnwise.servers.isolation.containers.launcher import ContainerLauncher, descriptions_inside
from turnwise.servers.isolation.process_pool import ProcessPool
from turnwise.servers.protocol.types import CreateItem, ForkItem, Reply, ResetItem, StepItem
from turnwise.servers.sessions.service import Service

pytestmark = pytest.mark.docker

TEST_IMAGE, BARE_IMAGE = "turnwise-test", "turnwise-test-base"
WORLDS = Path(__file__).parents[1] / "worlds.py"
IN_CONTAINERS = ["--isolation", "container", "--container-image", TEST_IMAGE, "--processes", "1"]

TELLING = """
from pathlib import Path

from turnwise.envs.core import TextEnv

try:
    (Path(__file__).parents[1] / "imported").touch()
except OSError:
    pass  # as it should be

class Telling(TextEnv):
    '''Tell who imports this.'''

    def __init__(self, length: int = 10, data: Path | None = None) -> None: ...

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return "here", {}
"""


@pytest.fixture
def engine():
    """Return a client of the engine."""
    import docker

    client = docker.from_env()
    yield client
    client.close()


@pytest.fixture
def ours(engine):
    """Return a function that lists the running containers of a process."""

    def listing(pid: int) -> list:
        key, host = next(iter(labels().items()))
        found = engine.containers.list(filters={"label": f"{key}={host}"})
        return [container for container in found if container.labels[f"{key}.server"].startswith(f"{pid}-")]

    return listing


def wait_until_none(listing, pid: int) -> None:
    give_up = time.monotonic() + 20
    while listing(pid):
        assert time.monotonic() < give_up, "a container outlives its server"
        time.sleep(0.05)


def plain(row) -> tuple:
    assert isinstance(row, Reply), row
    return (row.episode, row.turn, row.observation, row.reward, row.end, row.info, row.fingerprint)


async def play(url: str, env_id: str) -> list[tuple]:
    client = connect(url)
    seen = list(await client.create([CreateItem(env_id, {"length": 20}, seed=3, count=4)], request_id="a"))
    ids = [row.id for row in seen]
    for turn in range(3):
        seen += await client.step([StepItem(id, 0, turn, f"go {turn}") for id in ids])
    forks = await client.fork([ForkItem(ids[1], 2), ForkItem(ids[2], 1, reseed=5)], request_id="b")
    seen += [*forks, *await client.step([StepItem(row.id, 0, 3, "go") for row in forks])]
    seen += await client.step([StepItem(ids[0], 0, 3, "raise")])
    seen += await client.reset([ResetItem(id, 1, seed=4) for id in ids])
    await client.aclose()
    return [plain(row) for row in seen]


@pytest.mark.parametrize("workers", ["1", "2"])
def test_over_http_replies_are_those_of_the_event_loop(world, ours, workers):
    env_id = world("Hostile")
    with ServerProcess(["--env", env_id]) as server:
        wanted = asyncio.run(play(server.url, env_id))
    with ServerProcess(["--env", env_id, "--workers", workers, *IN_CONTAINERS]) as server:
        assert asyncio.run(play(server.url, env_id)) == wanted
        health = httpx.get(f"{server.url}/health").json()
        pids = [row["pid"] for row in health.get("workers", [{"pid": server.pid}])]
        assert [len(ours(pid)) for pid in pids] == [1] * int(workers)
    for pid in pids:
        wait_until_none(ours, pid)


def observe(env_id: str, actions: list[str], kwargs: dict | None = None, **options) -> list[str]:
    """Return what an environment in a container observes of its actions."""
    pool = ProcessPool(ContainerLauncher(TEST_IMAGE, readable=[WORLDS], **options), 1)
    service = Service(Catalogue([env_id], isolation={"*": "container"}, pools={"container": pool}))

    async def run() -> list[str]:
        client = SessionClient(LocalTransport(service))
        (row,) = await client.create([CreateItem(env_id, kwargs or {})], request_id="a")
        seen = []
        for turn, action in enumerate(actions):
            (row,) = await client.step([StepItem(row.id, 0, turn, action)])
            seen.append(row.observation)
        await service.aclose()
        return seen

    return asyncio.run(run())


def test_what_an_environment_can_reach(world, tmp_path):
    files = ["/etc/mine", "/opt/project/mine", "/data/mine", "/tmp/mine", str(WORLDS)]
    secret = WORLDS.with_name("conftest.py")
    statuses = {"CapEff": "0" * 16, "CapBnd": "0" * 16, "NoNewPrivs": "1", "Seccomp": "2"}
    actions = ["who", "links", *(f"write {file}" for file in files), f"read {secret}"]
    who, links, *written, read = observe(world("Curious"), actions)
    number = os.getuid() or 65534
    assert who.startswith(f"{number} ")
    assert "0" not in who.split()[1]
    assert links == "lo"
    full = "30 Read-only file system"
    assert written == [full, full, "written", "written", full]
    assert read == "FileNotFoundError"
    assert observe(world("Curious"), [f"status {name}" for name in statuses]) == list(statuses.values())


def test_processes_come_to_an_end(world):
    (started,) = observe(world("Curious"), ["fork 1000"])
    assert 100 < int(started) < 256


def test_the_limits_that_the_engine_keeps(world, engine, ours):
    launcher = ContainerLauncher(TEST_IMAGE, memory_bytes=256 << 20)
    launched = launcher.launch()
    (container,) = ours(os.getpid())
    config, host = container.attrs["Config"], container.attrs["HostConfig"]
    assert (host["Memory"], host["MemorySwap"], host["PidsLimit"]) == (256 << 20, 256 << 20, 256)
    assert (host["NetworkMode"], host["ReadonlyRootfs"], host["CapDrop"]) == ("none", True, ["ALL"])
    assert (host["Init"], host["AutoRemove"], host["Privileged"]) == (True, True, False)
    assert host["SecurityOpt"] == ["no-new-privileges:true"]
    assert set(host["Tmpfs"]) == {"/tmp", "/data"}, "what the image calls a volume is memory, too"
    assert (config["StdinOnce"], config["Healthcheck"]["Test"]) == (True, ["NONE"])
    launched.kill()
    launched.channel.close()
    launcher.close()
    wait_until_none(ours, os.getpid())


def test_files_that_the_operator_named(tmp_path):
    file = tmp_path / "roots" / "notes"
    file.parent.mkdir()
    file.write_text("hello")
    root = tmp_path / "link"
    root.symlink_to(file.parent)
    named = ["--env", "worlds.py:Curious", "--env", "worlds.py:Counter", "--data-root", str(root)]
    with ServerProcess([*named, *IN_CONTAINERS], cwd=WORLDS.parent) as server:

        async def run() -> None:
            client = connect(server.url)
            (row,) = await client.create([CreateItem("worlds.py:Curious", {"data": "notes"})], request_id="a")
            assert row.observation.endswith(" hello")
            (row,) = await client.step([StepItem(row.id, 0, 0, f"write {file}")])
            assert row.observation == "30 Read-only file system"
            await client.aclose()

        asyncio.run(run())


def test_a_container_killed_from_outside_is_not_noticed(world, ours):
    env_id = world("Counter")
    pool = ProcessPool(ContainerLauncher(TEST_IMAGE, readable=[WORLDS]), 1)
    service = Service(Catalogue([env_id], isolation={"*": "container"}, pools={"container": pool}))

    async def run() -> None:
        client, calm = SessionClient(LocalTransport(service)), connect("local:")
        rows = await client.create([CreateItem(env_id, count=3)], request_id="a")
        wanted = await calm.create([CreateItem(env_id, count=3)], request_id="a")
        for turn in range(4):
            if turn % 2:
                (container,) = ours(os.getpid())
                container.kill()
            rows = await client.step([StepItem(row.id, 0, turn, "go") for row in rows])
            wanted = await calm.step([StepItem(row.id, 0, turn, "go") for row in wanted])
            assert [row.observation for row in rows] == [row.observation for row in wanted]
        await service.aclose()
        await calm.aclose()

    asyncio.run(run())
    assert pool.num_replaced == 2
    wait_until_none(ours, os.getpid())


@pytest.mark.parametrize("action", ["go", "hang", "seize"])
def test_containers_end_with_the_server(world, ours, action):
    async def create(url: str) -> None:
        client = connect(url)
        (row,) = await client.create([CreateItem(world("Hostile"))], request_id="a")
        step = asyncio.create_task(client.step([StepItem(row.id, 0, 0, action)]))
        await asyncio.sleep(0.3)
        step.cancel()
        await client.aclose()

    with ServerProcess(["--env", world("Hostile"), *IN_CONTAINERS]) as server:
        asyncio.run(create(server.url))
        assert len(ours(server.pid)) == 1
        os.kill(server.pid, signal.SIGKILL)
        wait_until_none(ours, server.pid)


def test_containers_that_were_left_are_removed(engine, ours):
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        pass
    key, host = next(iter(labels().items()))
    marks = {
        "gone": {key: host, f"{key}.server": f"{gone.pid}-1"},
        "another of the same number": {key: host, f"{key}.server": f"{os.getpid()}-1"},
        "of another machine": {key: "elsewhere", f"{key}.server": f"{gone.pid}-1"},
        "ours": labels(),
    }
    left = {
        name: engine.containers.run(
            BARE_IMAGE, ["sleep", "600"], labels=mark, network_mode="none", detach=True
        )
        for name, mark in marks.items()
    }
    left["never started"] = engine.containers.create(BARE_IMAGE, ["sleep", "1"], labels=marks["gone"])
    try:
        ContainerLauncher(TEST_IMAGE).close()
        still = {container.id for container in engine.containers.list(all=True)}
        assert [name for name, container in left.items() if container.id in still] == [
            "of another machine",
            "ours",
        ]
    finally:
        still = {container.id for container in engine.containers.list(all=True)}
        for container in left.values():
            if container.id in still:
                container.remove(force=True)


def test_code_of_environments_runs_inside_only(tmp_path):
    file = tmp_path / "telling.py"
    file.write_text(TELLING)
    env_id = f"{file}:Telling"
    with ServerProcess(["--env", env_id, *IN_CONTAINERS]) as server:
        (listed,) = httpx.get(f"{server.url}/v1/envs").json()["envs"]
        assert (listed["id"], listed["isolation"]) == (env_id, "container")
        assert listed["description"] == "Tell who imports this."
        assert list(listed["kwargs"]) == ["length", "data"]

        async def run() -> Reply:
            client = connect(server.url)
            (row,) = await client.create([CreateItem(env_id)], request_id="a")
            await client.aclose()
            return row

        row = asyncio.run(run())
        assert row.fingerprint.startswith(listed["fingerprint"])
        assert (tmp_path / "imported").exists() is False


def test_what_keeps_a_server_from_starting(world, monkeypatch, tmp_path):
    env_id = world("Counter")
    with pytest.raises(ServerUnreachable, match=r"has no image 'none-such': build it.*--container-image"):
        ServerProcess(["--env", env_id, "--isolation", "container", "--container-image", "none-such"]).start()
    with pytest.raises(ServerUnreachable, match=r"'turnwise-test-base' does not start: .*No module named"):
        ServerProcess(["--env", env_id, *IN_CONTAINERS, "--container-image", BARE_IMAGE]).start()
    broken = tmp_path / "broken.py"
    broken.write_text("raise RuntimeError('not today')")
    with pytest.raises(ServerUnreachable, match=r"RuntimeError: not today; .* readable for user"):
        ServerProcess(["--env", f"{broken}:Counter", *IN_CONTAINERS]).start()
    launcher = ContainerLauncher(TEST_IMAGE)
    pool = ProcessPool(launcher, 1)
    with pytest.raises(UsageError, match=r"there is no Python file.*only the files named by --env"):
        descriptions_inside(pool, launcher, [env_id])
    monkeypatch.setattr(container_launcher, "__version__", "9.9")
    with pytest.raises(UsageError, match=r"holds turnwise .*and this server is 9\.9: build it again"):
        descriptions_inside(pool, launcher, [])
    pool.close()
