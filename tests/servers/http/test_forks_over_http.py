"""Forks over a real HTTP server, of the project's own environments.

1. 64 forks of one session are in 64 identical states and stay so.
2. With reseed their futures differ, and the same reseed gives the same futures again.
3. A tree of 1 000 nodes is explored, and each of its leaves is what the actions on its
   path give to a session of its own.
4. Forks are done once, however often they are asked for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import httpx
import pytest

from turnwise.servers.client import ServerProcess, SessionClient, connect
from turnwise.servers.protocol.types import CreateItem, ForkItem, Reply, StepItem

HOUSEHOLD = "household/mix-v0"


@pytest.fixture(scope="module")
def server(request):
    from pathlib import Path

    worlds = Path(__file__).parents[1] / "worlds.py"
    with ServerProcess(
        ["--env", HOUSEHOLD, "--env", f"{worlds}:Counter", "--env", f"{worlds}:Locked"]
    ) as one:
        yield one


def talk(server: ServerProcess, conversation: Callable[[SessionClient], Awaitable[None]]) -> None:
    async def run() -> None:
        client = connect(server.url)
        await conversation(client)
        await client.aclose()
        assert httpx.get(f"{server.url}/v1/sessions").json()["sessions"] == []

    asyncio.run(run())


def seen(row: Reply) -> tuple:
    return (row.episode, row.turn, row.observation, row.reward, row.end, repr(row.info), row.seed)


async def go(client: SessionClient, rows: list[Reply], action: str) -> list[Reply]:
    replies = await client.step([StepItem(row.id, row.episode, row.turn, action) for row in rows])
    assert all(isinstance(row, Reply) for row in replies), replies
    return replies


def test_64_forks_are_64_identical_states(server, world):
    async def conversation(client: SessionClient) -> None:
        for env_id in (HOUSEHOLD, world("Counter"), world("Locked")):
            (root,) = await client.create([CreateItem(env_id, seed=3)], request_id=f"root of {env_id}")
            for _ in range(2):
                (root,) = await go(client, [root], (root.info["admissible"] or ["go"])[0])
            forks = await client.fork([ForkItem(root.id, 64)], request_id=f"forks of {env_id}")
            assert {seen(row) for row in forks} == {seen(root)}
            assert len({row.id for row in forks} | {root.id}) == 65
            actions = [(row.info["admissible"] or ["go"])[-2] for row in forks]
            assert len(set(actions)) == 1
            for _ in range(3):
                forks = await go(client, forks, actions[0])
                (root,) = await go(client, [root], actions[0])
                assert {seen(row) for row in forks} == {seen(root)}
            await client.close([root.id, *[row.id for row in forks]])

    talk(server, conversation)


def test_reseeded_forks_have_different_futures(server, world):
    async def conversation(client: SessionClient) -> None:
        (root,) = await client.create([CreateItem(world("Counter"), {"length": 9})], request_id="reseeded")
        (root,) = await go(client, [root], "go")
        futures = []
        for name in ("first", "second"):
            forks = await client.fork([ForkItem(root.id, 64, reseed=8)], request_id=name)
            assert {seen(row) for row in forks} == {seen(root)}, (
                "the state is the same, the randomness is not"
            )
            after = await go(client, forks, "go")
            assert len({row.observation for row in after}) == 64
            futures.append([row.observation for row in after])
            await client.close([row.id for row in forks])
        assert futures[0] == futures[1]
        await client.close([root.id])

    talk(server, conversation)


def test_a_tree_of_1000_nodes(server):
    async def conversation(client: SessionClient) -> None:
        (root,) = await client.create([CreateItem(HOUSEHOLD, seed=11)], request_id="tree")
        layer: list[tuple[Reply, tuple[str, ...]]] = [(root, ())]
        ids, num_nodes, width = [root.id], 1, 4
        while num_nodes < 1000:
            forks = [ForkItem(row.id, width) for row, _ in layer]
            children = await client.fork(forks, request_id=f"after {num_nodes}")
            paths = [
                (*path, row.info["admissible"][branch % len(row.info["admissible"])])
                for row, path in layer
                for branch in range(width)
            ]
            steps = [
                StepItem(row.id, 0, row.turn, path[-1]) for row, path in zip(children, paths, strict=True)
            ]
            layer = list(zip(await client.step(steps), paths, strict=True))
            ids += [row.id for row, _ in layer]
            num_nodes += len(layer)
        assert num_nodes == len(set(ids)) == 1 + 4 + 16 + 64 + 256 + 1024
        lines = await client.create(
            [CreateItem(HOUSEHOLD, seed=11, count=64, group=True)], request_id="lines"
        )
        leaves = layer[::16]
        for turn in range(len(leaves[0][1])):
            steps = [
                StepItem(row.id, 0, turn, path[turn]) for row, (_, path) in zip(lines, leaves, strict=True)
            ]
            lines = await client.step(steps)
        assert [seen(row) for row in lines] == [seen(leaf) for leaf, _ in leaves]
        assert len({leaf.observation for leaf, _ in leaves}) > 1
        await client.close(ids + [row.id for row in lines])

    talk(server, conversation)


def test_a_fork_is_done_once(server, world):
    async def conversation(client: SessionClient) -> None:
        (root,) = await client.create([CreateItem(world("Counter"))], request_id="once")
        item = ForkItem(root.id, 8)
        both = await asyncio.gather(*[client.fork([item], request_id="same") for _ in range(2)])
        (root,) = await go(client, [root], "go")
        later = await client.fork([item], request_id="same")
        assert both[0] == both[1] == later
        assert len(await client.sessions()) == 9
        await client.close([root.id, *[row.id for row in later]])

    talk(server, conversation)
