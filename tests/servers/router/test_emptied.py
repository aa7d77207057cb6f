"""Servers that are emptied, and ended.

1. `turnwise router drain NAME --move` carries every session to other servers; while the old one lives it says
   where they went, and when it is gone they are found by asking: single steps, batches, streams, resets,
   forks, leases and closes go on, each once.
2. A move that was left in the middle is carried on by whoever asks for the session; while its new server
   is gone it is answered 503.
3. What cannot be moved is named, and the exit code is 1.
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import httpx
from typer.testing import CliRunner

from turnwise.__main__ import app
from turnwise.servers.protocol.types import CreateItem, ForkItem, ResetItem, StepItem

WORLDS = Path(__file__).parents[1] / "worlds.py"
COUNTER, WAITING = f"{WORLDS}:Counter", f"{WORLDS}:Waiting"


async def typed(one, *words):
    """Type a command of the router about the servers, in a thread, since they live here."""
    servers = [word for site in one.sites.values() for word in ("--server", site.url)]
    return await asyncio.to_thread(CliRunner().invoke, app, ["router", *words, *servers])


async def played(client, rows, episode, turn):
    """Step sessions in every way, and return the rows."""
    rows = await client.step([StepItem(row.id, episode, turn, "go") for row in rows])
    async for place, row in client.step_each([StepItem(row.id, episode, turn + 1, "go") for row in rows]):
        rows[place] = row
    rows[0] = (await client.step([StepItem(rows[0].id, episode, turn + 2, "go")]))[0]
    turns = [int(row.observation.split()[1]) for row in rows]
    assert turns == [turn + 3, *[turn + 2] * (len(rows) - 1)] == [row.turn for row in rows], rows
    return rows


def test_a_server_is_emptied_and_ended(town):
    async def run():
        async with town() as one:
            for number in range(3):
                await one.server(f"site-{number}")
            client = await one.client(await one.router())
            rows = await client.create([CreateItem(COUNTER, {"length": 99}, count=24)], request_id="x")
            rows = await played(client, rows, 0, 0)
            done = await typed(one, "drain", "site-0", "--move")
            assert (done.exit_code, done.stdout) == (0, "site-0 takes no new sessions; moved 8, left 0\n")
            assert not one.sites["site-0"].app.service.sessions
            more = await client.create([CreateItem(COUNTER, count=24)], request_id="y")
            assert not any(row.id.startswith("site-0.") for row in more)
            await client.close([row.id for row in more])
            assert len((await client.heartbeat([row.id for row in rows])).alive) == 24
            (kid,) = await client.fork([ForkItem(rows[1].id)], request_id="z")
            assert kid.turn == rows[1].turn
            rows = await client.reset([ResetItem(row.id, 1, 5) for row in rows])
            rows = await played(client, rows, 1, 0)
            shown = json.loads((await typed(one, "show", "--json")).stdout)["servers"]
            assert [(row["name"], row["status"]) for row in shown] == [
                ("site-0", "emptying"), ("site-1", "ok"), ("site-2", "ok")
            ]  # fmt: skip
            await one.sites["site-0"].cut()
            client = await one.client(await one.router())  # which has never heard of these
            rows = await client.reset([ResetItem(row.id, 2, 6) for row in rows])
            client = await one.client(await one.router())
            rows = await played(client, rows, 2, 0)
            assert (await client.describe(rows[3].id))["turn"] == 2
            client = await one.client(await one.router())
            await client.close([row.id for row in [*rows, kid]])
            assert [len(site.app.service.sessions) for site in one.sites.values()] == [0, 0, 0]
            await one.sites["site-0"].open()
            assert (await typed(one, "undrain", "site-0")).stdout == "site-0 takes new sessions; it holds 0\n"

    asyncio.run(run())


def test_a_move_that_was_left_in_the_middle(town):
    async def run():
        async with town() as one:
            for number in range(2):
                await one.server(f"site-{number}")
            router = await one.router()
            client = await one.client(router)
            rows = await client.create([CreateItem(COUNTER, {"length": 99}, count=32)], request_id="x")
            mine = [row for row in rows if row.id.startswith("site-0.")]
            source, target = (one.sites[f"site-{number}"].app.service for number in range(2))
            goings = {row.id: await source.moves.depart(row.id, "site-1") for row in mine}
            for row in mine[:6]:  # these came as far as the other side
                await target.moves.arrive(goings[row.id]["record"], goings[row.id]["hop"], 0.0)
            await one.sites["site-1"].cut()
            async with httpx.AsyncClient(base_url=router.url) as http:
                step = {"episode": 0, "turn": 0, "action": "go"}
                for row in (mine[0], mine[7]):
                    refused = await http.post(f"/v1/sessions/{row.id}/step", json=step)
                    assert (refused.status_code, refused.json()["code"]) == (503, "moving")
            await one.sites["site-1"].open()
            await played(client, mine[:7], 0, 0)
            await client.close([mine[9].id])
            async with httpx.AsyncClient(base_url=router.url) as http:
                told = (await http.post("/v1/heartbeat", json={"ids": [row.id for row in mine]})).json()
            assert set(told) == {"alive", "ttl_s"}, "as one server says it"
            assert len(told["alive"]) == len(mine) - 1
            await played(client, mine[7:9], 0, 0)
            assert set(target.sessions) >= {row.id for row in mine} - {mine[9].id}
            assert not source.sessions and mine[9].id not in target.sessions

    asyncio.run(run())


def test_a_step_that_still_runs_where_its_session_came_to(town):
    """Asked for in a batch whose client does not wait, it is a row that says so, and is taken once."""

    async def run():
        async with town() as one:
            await one.server("site-0")
            router = await one.router()
            client = await one.client(router)
            rows = await client.create([CreateItem(WAITING, {"length": 99}, count=2)], request_id="x")
            await one.server("site-1")
            assert (await typed(one, "drain", "site-0", "--move")).exit_code == 0
            other = await one.router()
            items = [{"id": row.id, "episode": 0, "turn": 0, "action": "go"} for row in rows]
            async with httpx.AsyncClient(base_url=other.url) as http:
                answer = await http.post("/v1/step", json={"items": items}, headers={"prefer": "wait=0"})
            told = [(row["status"], row["code"], row["id"]) for row in answer.json()["items"]]
            assert told == [(202, "running", row.id) for row in rows]
            client = await one.client(other)
            rows = await client.step([StepItem(row.id, 0, 0, "go") for row in rows])
            assert [row.turn for row in rows] == [1, 1]

    asyncio.run(run())


def test_what_cannot_be_moved_is_named(town):
    async def run():
        async with town() as one:
            await one.server("site-0")
            await one.server("site-1", journal=False)
            client = await one.client(await one.router())
            rows = await client.create([CreateItem(COUNTER, count=16)], request_id="x")
            mine = [row.id for row in rows if row.id.startswith("site-0.")]
            done = await typed(one, "drain", "site-0", "--move", "--wait", "0")
            assert done.exit_code == 1 and "moved 0, left 8" in done.output
            assert f"  {min(mine)}: site-1 refuses it" in done.output
            assert all(row.turn == 1 for row in await client.step([StepItem(id, 0, 0, "go") for id in mine]))
            nobody = await typed(one, "drain", "site-9")
            assert "unknown server 'site-9'" in str(nobody.exception)

    asyncio.run(run())
