"""A client that thinks longer than a lease keeps its sessions; one that died closes them when it is back."""

from __future__ import annotations

import asyncio
import logging

import pytest

from turnwise.servers.client import ServerProcess, connect
from turnwise.servers.protocol.types import CreateItem, ForkItem, Problem, Reply, ResetItem, StepItem


@pytest.fixture
def server(world):
    with ServerProcess(["--env", world("Counter"), "--ttl", "1", "--max-sessions", "6"]) as server:
        yield server


def test_thinking_longer_than_a_lease(server, world, tmp_path):
    async def run() -> None:
        kept, plain = connect(server.url, note=tmp_path / "open", renew=True), connect(server.url)
        made = [await kept.create([CreateItem(world("Counter"))], request_id="a")]
        made.append(await kept.fork([ForkItem(made[0][0].id)], request_id="b"))
        (lost,) = await plain.create([CreateItem(world("Counter"))], request_id="c")
        await asyncio.sleep(3)
        for (row,) in made:
            (reply,) = await kept.step([StepItem(row.id, 0, 0, "go")])
            assert isinstance(reply, Reply)
        (gone,) = await plain.step([StepItem(lost.id, 0, 0, "go")])
        assert isinstance(gone, Problem) and gone.code == "unknown_session"
        ids = [row.id for (row,) in made]
        assert [row.episode for row in await kept.reset([ResetItem(id, 1) for id in ids])] == [1, 1]
        items = [StepItem(id, 1, 0, "go") for id in ids]
        assert sorted([place async for place, _ in kept.step_each(items)]) == [0, 1]
        await kept.close(ids)
        await asyncio.sleep(0.5)
        await kept.aclose()
        again = connect(server.url, note=tmp_path / "open")
        assert await again.close_left() == []
        await asyncio.gather(again.aclose(), plain.aclose())

    asyncio.run(run())


def test_coming_back(server, world, tmp_path):
    async def die() -> list[str]:
        kept = connect(server.url, note=tmp_path / "open", renew=True)
        rows = await kept.create([CreateItem(world("Counter"), count=5)], request_id="a")
        await kept.close([rows[0].id])
        await kept.aclose()
        return [row.id for row in rows[1:]]

    async def come_back(left: list[str]) -> None:
        plain = connect(server.url)
        (other,) = await plain.create([CreateItem(world("Counter"))], request_id="b")
        kept = connect(server.url, note=tmp_path / "open")
        assert sorted(await kept.close_left()) == sorted(left)
        assert [row["id"] for row in await plain.sessions()] == [other.id], "those of others stay"
        assert await kept.close_left() == [], "and what is closed is forgotten"
        rows = await kept.create([CreateItem(world("Counter"), count=5)], request_id="c")
        assert all(isinstance(row, Reply) for row in rows), "there is room again"
        await asyncio.gather(kept.aclose(), plain.aclose())

    asyncio.run(come_back(asyncio.run(die())))


def test_a_server_that_is_gone(server, world, caplog):
    async def run() -> None:
        kept = connect(server.url, budget_s=0.2, renew=True)
        await kept.create([CreateItem(world("Counter"))], request_id="a")
        server.kill()
        await asyncio.sleep(2.5)
        await asyncio.wait_for(kept.aclose(), 5)

    with caplog.at_level(logging.WARNING, "turnwise.client"):
        asyncio.run(run())
    assert 1 <= caplog.text.count("leases were not renewed") < 20
