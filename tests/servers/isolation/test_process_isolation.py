"""Environments in processes and containers: one that hangs, crashes, leaks or floods ends its session alone.

1. The replies are those of an environment on the event loop.
2. Over the deadline the step returns truncated with end "deadline"; the process is replaced,
   and the neighbours it kept go on as if nothing had been.
3. A process that dies of a step, or runs out of memory, ends that session with end "error".
4. A process killed from outside is not noticed at all.
5. A deadline that cannot be kept is refused at start.
6. What a process says out of turn, or half, is worth no more than its death.
7. Processes end with the server, however it ends and whatever they do at that moment.

Those marked docker are the same for containers; what only containers do is in
test_container_isolation.py.
"""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import psutil
import pytest

from turnwise.errors import UsageError
from turnwise.servers.client import ServerProcess, SessionClient, connect
from turnwise.servers.client.transports.local import LocalTransport
from turnwise.servers.isolation.catalogue import Catalogue
from turnwise.servers.isolation.launchers import ProcessLauncher
from turnwise.servers.isolation.process_pool import ProcessPool
from turnwise.servers.protocol.types import CreateItem, ForkItem, Reply, ResetItem, StepItem
from turnwise.servers.run.serve import ServerConfig, build_service
from turnwise.servers.sessions.service import Service

TEST_IMAGE = "turnwise-test"


@pytest.fixture(params=["process", pytest.param("container", marks=pytest.mark.docker)])
def isolated(request, world):
    """Return a function that builds a service which keeps an environment in one process, or container."""

    def build(env_id: str, deadline_s: float = 0.0, memory_bytes: int = 0) -> Service:
        launcher = ProcessLauncher(memory_bytes)
        if request.param == "container":
            from turnwise.servers.isolation.containers.launcher import ContainerLauncher

            file = Path(env_id.partition(":")[0])
            launcher = ContainerLauncher(TEST_IMAGE, memory_bytes=memory_bytes, readable=[file])
        pool = ProcessPool(launcher, 1, deadline_s=deadline_s)
        return Service(Catalogue([env_id], isolation={"*": request.param}, pools={request.param: pool}))

    return build


def play(service: Service, env_id: str, actions: list[str]) -> list:
    """Play actions in one session, the neighbour's "go" after each; return the replies of both."""

    async def run() -> list:
        client = SessionClient(LocalTransport(service))
        rows = await client.create([CreateItem(env_id, {"length": 20}, seed=3, count=2)], request_id="a")
        one, other = rows
        seen = [one, other]
        for turn, action in enumerate(actions):
            (reply,) = await client.step([StepItem(one.id, 0, turn, action)])
            (neighbour,) = await client.step([StepItem(other.id, 0, turn, "go")])
            seen += [reply, neighbour]
        seen += await client.reset([ResetItem(one.id, 1, seed=4)])
        seen += await client.fork([ForkItem(other.id, 2, reseed=1)], request_id="b")
        seen += await client.step([StepItem(row.id, 0, row.turn, "go") for row in seen[-2:]])
        await service.aclose()
        return seen

    return [plain(row) for row in asyncio.run(run())]


def plain(row) -> tuple:
    assert isinstance(row, Reply), row
    return (row.episode, row.turn, row.observation, row.reward, row.end, row.info, row.fingerprint)


def test_replies_are_those_of_the_event_loop(world, isolated):
    env_id = world("Hostile")
    inside = play(Service(Catalogue([env_id])), env_id, ["go", "go", "raise"])
    outside = play(isolated(env_id), env_id, ["go", "print", "raise"])
    assert outside[4][2].startswith("turn 2 print ")
    assert outside[:4] + outside[5:] == inside[:4] + inside[5:]
    assert outside[6][5]["error"] == "KeyError: 'no such room'"


@pytest.mark.parametrize(
    ("action", "end"),
    [
        ("hang", "deadline"),
        ("seize", "deadline"),
        ("drip", "deadline"),
        ("crash", "error"),
        ("leak", "error"),
        ("forge", "error"),
    ],
)
def test_a_hostile_environment_ends_its_session_alone(world, isolated, action, end):
    env_id = world("Hostile")
    service = isolated(env_id, deadline_s=0.5 if end == "deadline" else 60.0, memory_bytes=1 << 30)
    rows = play(service, env_id, ["go", action])
    peaceful = play(Service(Catalogue([env_id])), env_id, ["go", "go"])
    assert (rows[4][4], rows[4][1]) == (end, 2)
    assert rows[4][5]["error"]
    assert rows[:4] == peaceful[:4]
    assert rows[5:] == peaceful[5:], "the neighbour, the reset and the forks are as ever"
    assert sum(pool.num_replaced for pool in service.catalogue.pools.values()) >= 1


def test_a_process_killed_from_outside_is_not_noticed(born, world):
    env_id = world("Counter")
    pool = ProcessPool(num_processes=1)
    service = Service(Catalogue([env_id], isolation={"*": "process"}, pools={"process": pool}))

    async def run() -> None:
        client, calm = SessionClient(LocalTransport(service)), connect("local:")
        rows = await client.create([CreateItem(env_id, {"length": 50}, count=3)], request_id="a")
        wanted = await calm.create([CreateItem(env_id, {"length": 50}, count=3)], request_id="a")
        for turn in range(6):
            (child,) = born()
            if turn % 2:
                child.kill()
                child.wait()
            rows = await client.step([StepItem(row.id, 0, turn, "go") for row in rows])
            wanted = await calm.step([StepItem(row.id, 0, turn, "go") for row in wanted])
            assert [row.observation for row in rows] == [row.observation for row in wanted]
        child = born()[0]
        child.kill()
        child.wait()
        rows = await client.reset([ResetItem(row.id, 1) for row in rows])
        assert {row.end for row in rows} == {None}
        await service.aclose()
        await calm.aclose()

    asyncio.run(run())


def test_a_deadline_needs_processes(world):
    with pytest.raises(UsageError, match=r"can only be kept by killing.*add --isolation process"):
        build_service(ServerConfig(envs=(world("Counter"),), deadline_s=1.0))
    service = build_service(
        ServerConfig(envs=(world("Counter"),), deadline_s=1.0, isolation={"*": "process"}, processes=1)
    )
    assert service.catalogue.pools["process"].deadline_s == 1.0


@pytest.mark.parametrize("action", ["hang", "seize"])
def test_processes_end_with_the_server(world, action):
    async def create(url: str) -> None:

        client = connect(url)
        (row,) = await client.create([CreateItem(world("Hostile"))], request_id="a")
        step = asyncio.create_task(client.step([StepItem(row.id, 0, 0, action)]))
        await asyncio.sleep(0.3)
        step.cancel()
        await client.aclose()

    with ServerProcess(["--env", world("Hostile"), "--isolation", "process", "--processes", "1"]) as server:
        asyncio.run(create(server.url))
        children = psutil.Process(server.pid).children(recursive=True)
        assert children
        os.kill(server.pid, signal.SIGKILL)
        _, alive = psutil.wait_procs(children, timeout=20)
        assert not alive, "a process outlives its server"


def test_arguments_are_refused_from_the_other_process_too(world, isolated):
    async def run() -> None:
        client = SessionClient(LocalTransport(service := isolated(world("Counter"))))
        (row,) = await client.create([CreateItem(world("Counter"), {"width": 1})], request_id="a")
        assert (row.status, row.code) == (422, "invalid_request")
        await service.aclose()

    asyncio.run(run())
