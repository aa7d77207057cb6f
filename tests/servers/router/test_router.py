"""Many servers behind one address.

1. What is asked through a router is answered as by one server: single steps, batches, streams, resets,
   forks, lists, leases, websocket and OpenEnv; sessions are spread, rows come in order.
2. A router has no memory: another one beside it goes on with the same sessions.
3. A repeated create or fork makes nothing; a full server, and one that takes no new sessions, is passed over.
4. A server that is gone is left out of creates; its sessions are answered 503 and go on when it is back.
5. Keys are the router's; servers have one of their own for it, and open no link without.
6. Servers come from flags and a file that is read again; a name twice, none, or http elsewhere is refused.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
from pathlib import Path

import httpx
import pytest
import websockets

from turnwise.errors import UsageError
from turnwise.servers.client.transports.keep_alive import KeepAliveTransport
from turnwise.servers.http.keys import Caller, Keys
from turnwise.servers.protocol.limits import Limits
from turnwise.servers.protocol.types import CreateItem, ForkItem, Problem, Reply, ResetItem, StepItem
from turnwise.servers.router.config import FleetConfig
from turnwise.servers.router.link import Link
from turnwise.servers.router.places import Places

WORLDS = Path(__file__).parents[1] / "worlds.py"
COUNTER, WAITING = f"{WORLDS}:Counter", f"{WORLDS}:Waiting"
SECRET, FLEET_SECRET = "a-secret-of-players", "a-secret-of-the-fleet"


async def playing(client, env_id, name):
    """Play on many sessions in every way that there is; return what was seen, without ids."""
    rows = await client.create(
        [CreateItem(env_id, {"length": 9}, seed=5, count=32)], request_id=f"create-{name}"
    )
    seen = list(rows)
    rows = await client.step([StepItem(row.id, 0, 0, f"a{k}") for k, row in enumerate(rows)])
    seen += rows
    async for place, row in client.step_each([StepItem(row.id, 0, 1, "b") for row in rows]):
        rows[place] = row
    seen += rows
    seen += await client.step([StepItem(rows[7].id, 0, 2, "alone")])
    seen += await client.step([StepItem(rows[7].id, 0, 2, "alone"), StepItem(rows[8].id, 0, 9, "wrong")])
    seen += await client.fork(
        [ForkItem(rows[3].id, 2), ForkItem(rows[20].id, 1, reseed=4)], request_id=f"fork-{name}"
    )
    seen += await client.reset([ResetItem(row.id, 1, seed=77) for row in rows])
    seen += await client.step([StepItem(row.id, 1, 0, "stop") for row in reversed(rows)])
    described = await client.describe(rows[4].id)
    alive = await client.heartbeat([*[row.id for row in rows], "nobody", "site-1.0123456789abcdef"])
    lists = [described["turn"], described["end"], len(alive.alive), alive.ttl_s, len(await client.sessions())]
    await client.close([row["id"] for row in await client.sessions()])
    return [told(row) for row in seen], lists, len(await client.sessions())


def told(row):
    if isinstance(row, Problem):
        return row.status, row.code, row.given, row.expected
    return row.episode, row.turn, row.observation, row.reward, row.end, row.info, row.seed


@pytest.mark.parametrize("env_id", [COUNTER, WAITING])
def test_a_router_answers_as_one_server_does(town, env_id):
    async def run():
        async with town() as one:
            alone = await one.server("", journal=False)
            expected = await playing(await one.client(alone), env_id, "alone")
            del one.sites[""]
            for number in range(3):
                await one.server(f"site-{number}", journal=number > 0)
            router = await one.router()
            assert await playing(await one.client(router), env_id, "a") == expected
            assert await playing(await one.client(router, keep_alive=False), env_id, "b") == expected

    asyncio.run(run())


def test_sessions_are_spread_and_another_router_goes_on(town):
    async def run():
        async with town() as one:
            for number in range(4):
                await one.server(f"site-{number}")
            first, second = await one.router(), await one.router()
            rows = await (await one.client(first)).create([CreateItem(COUNTER, count=40)], request_id="x")
            held = {name: len(site.app.service.sessions) for name, site in one.sites.items()}
            assert sorted(held.values()) == [10, 10, 10, 10]
            assert all(row.id in one.sites[row.id.partition(".")[0]].app.service.sessions for row in rows)
            client = await one.client(second)
            again = await client.create([CreateItem(COUNTER, count=40)], request_id="x")
            assert [row.id for row in again] == [row.id for row in rows]
            rows = await client.step([StepItem(row.id, 0, 0, "go") for row in rows])
            assert [row.turn for row in rows] == [1] * 40
            kids = await client.fork([ForkItem(rows[0].id, 3)], request_id="y")
            more = await (await one.client(first)).fork([ForkItem(rows[0].id, 3)], request_id="y")
            assert [row.id for row in kids] == [row.id for row in more]
            assert {row.id.partition(".")[0] for row in kids} == {rows[0].id.partition(".")[0]}

    asyncio.run(run())


def test_full_servers_are_passed_over(town):
    async def run():
        async with town() as one:
            for number, most in enumerate((16, 16, 48)):
                await one.server(f"site-{number}", limits=Limits(max_sessions=most))
            client = await one.client(await one.router(), budget_s=0.5)
            rows = []
            for number in range(5):
                rows += await client.create([CreateItem(COUNTER, count=16)], request_id=str(number))
            assert all(isinstance(row, Reply) for row in rows)
            assert sum(len(site.app.service.sessions) for site in one.sites.values()) == 80
            async with httpx.AsyncClient() as http:
                full = await http.post(f"{client.transport.address}/v1/sessions", json={"env_id": COUNTER})
            assert (full.status_code, full.json()["code"]) == (429, "capacity")

    asyncio.run(run())


def test_a_server_that_is_gone_comes_back(town):
    async def run():
        async with town() as one:
            for number in range(2):
                await one.server(f"site-{number}")
            router = await one.router()
            client = await one.client(router, budget_s=30.0)
            rows = await client.create([CreateItem(COUNTER, count=16)], request_id="x")
            gone = one.sites["site-0"]
            lost = next(row for row in rows if row.id.startswith("site-0."))
            kept = next(row for row in rows if row.id.startswith("site-1."))
            await gone.cut()
            async with httpx.AsyncClient(base_url=router.url) as http:
                step = {"episode": 0, "turn": 0, "action": "go"}
                one_step = await http.post(f"/v1/sessions/{lost.id}/step", json=step)
                assert (one_step.status_code, one_step.json()["code"]) == (503, "server_gone")
                assert one_step.headers["retry-after"] == "1"
                items = [{"id": row.id, **step} for row in (lost, kept)]
                both = (await http.post("/v1/step", json={"items": items})).json()["items"]
                assert (both[0]["code"], both[0]["id"], both[1]["turn"]) == ("server_gone", lost.id, 1)
                assert (await http.get("/v1/sessions")).status_code == 503  # a list would lack a part
                beat = await http.post("/v1/heartbeat", json={"ids": [lost.id, kept.id]})
                assert beat.status_code == 503
                health = (await http.get("/health")).json()
                assert [server["status"] == "ok" for server in health["servers"]] == [False, True]
            made = await client.create([CreateItem(COUNTER, count=16)], request_id="y")
            assert all(row.id.startswith("site-1.") for row in made)
            stepping = asyncio.create_task(client.step([StepItem(lost.id, 0, 0, "go")]))
            await asyncio.sleep(0.1)
            await gone.open()
            assert (await stepping)[0].turn == 1

    asyncio.run(run())


def test_keys_are_the_routers_and_servers_have_one_of_their_own(town, monkeypatch):
    monkeypatch.setenv("FLEET_KEY", FLEET_SECRET)
    players = {SECRET: Caller("ann"), f"{SECRET}-2": Caller("bob"), f"{SECRET}-3": Caller("eve", True)}

    async def run():
        async with town() as one:
            await one.server("site-0", keys=Keys({}, routers={FLEET_SECRET: "router"}))
            router = await one.router(keys=Keys(players), server_key_env="FLEET_KEY")
            ann, bob = await one.client(router, SECRET), await one.client(router, f"{SECRET}-2")
            (row,) = await ann.create([CreateItem(COUNTER)], request_id="x")
            (other,) = await bob.create([CreateItem(COUNTER)], request_id="x")
            assert (
                row.id != other.id and "private" in (await ann.step([StepItem(row.id, 0, 0, "go")]))[0].info
            )
            (stolen,) = await bob.step([StepItem(row.id, 0, 1, "go")])
            assert (stolen.status, stolen.code) == (404, "unknown_session")
            eve = await one.client(router, f"{SECRET}-3")
            (row,) = await eve.create([CreateItem(COUNTER)], request_id="x")
            assert "private" not in (await eve.step([StepItem(row.id, 0, 0, "go")]))[0].info
            async with httpx.AsyncClient() as http:
                assert (await http.get(f"{router.url}/v1/sessions")).status_code == 401
                own = {"authorization": f"Bearer {FLEET_SECRET}"}
                for url in (router.url, one.sites["site-0"].url):
                    assert (await http.get(f"{url}/v1/sessions", headers=own)).status_code == 401
                up = {"connection": "upgrade", "upgrade": "turnwise-link"}
                for more in ({}, {"authorization": f"Bearer {SECRET}"}):
                    refused = await http.get(f"{one.sites['site-0'].url}/v1/link", headers={**up, **more})
                    assert (refused.status_code, refused.json()["code"]) == (401, "unauthorized")
                page = {**up, **own, "origin": "http://elsewhere.example"}
                refused = await http.get(f"{one.sites['site-0'].url}/v1/link", headers=page)
                assert refused.status_code == 403
                refused = await http.get(f"{router.url}/v1/link", headers=up)
                assert refused.status_code == 422

    asyncio.run(run())


def test_servers_of_a_file_come_and_go(town, tmp_path):
    file = tmp_path / "servers"

    async def run():
        async with town() as one:
            sites = [await one.server(name) for name in ("site-0", "site-1")]
            twin = await one.server("site-1", journal=False)
            nameless = await one.server("", journal=False)
            file.write_text(f"{sites[0].url}  # the first\n\n")
            router = await one.router(urls=[nameless.url], servers_file=file)
            fleet = router.app.calls.fleet
            assert [server.name for server in fleet.answering] == ["site-0"]
            file.write_text("nowhere at all\n")
            await fleet.look()
            assert [server.name for server in fleet.answering] == ["site-0"]  # what it said before counts
            file.write_text(f"{sites[0].url}\n{sites[1].url}\n")
            os.utime(file, (1, 1))
            fleet.reread()
            while len(fleet.answering) < 2:
                await asyncio.sleep(0.01)
            file.write_text(f"{sites[1].url}\n{twin.url}\n")
            await fleet.look()
            assert [server.name for server in fleet.answering] == ["site-1"]
            await asyncio.sleep(0.3)
            assert fleet.named("site-1").place.url == sites[1].url  # and not the twin
            assert fleet.named("site-0") is None

    asyncio.run(run())


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://192.0.2.7:8000", "asked in the clear"),
        ("ftp://127.0.0.1", "expected http"),
        ("https://ann:secret@example.org", "--server-key-env"),
    ],
)
def test_addresses_that_are_none(url, said):
    with pytest.raises(UsageError, match=said):
        Places(FleetConfig(servers=(url,)))
    with pytest.raises(UsageError, match="needs servers"):
        FleetConfig()


def test_websocket_and_openenv(town):
    async def run():
        async with town() as one:
            for number in range(2):
                await one.server(f"site-{number}")
            router = await one.router()
            address = router.url.replace("http", "ws")
            async with websockets.connect(f"{address}/v1/ws", proxy=None) as socket:

                async def call(name, body):
                    await socket.send(json.dumps({"request": 1, "call": name, "body": body}))
                    return json.loads(await socket.recv())["body"]

                made = await call("create", {"env_id": COUNTER, "count": 16})
                ids = [row["id"] for row in made["sessions"]]
                steps = [{"id": id, "episode": 0, "turn": 0, "action": "go"} for id in ids]
                rows = (await call("steps", {"items": steps}))["items"]
                assert [(row["id"], row["turn"]) for row in rows] == [(id, 1) for id in ids]
                assert (await call("step", {**steps[3], "turn": 1}))["turn"] == 2
            async with websockets.connect(f"{address}/openenv/{COUNTER}/ws", proxy=None) as socket:
                for turn in range(3):
                    kind, data = ("reset", {"seed": 1}) if turn == 0 else ("step", {"action": "go"})
                    await socket.send(json.dumps({"type": kind, "data": data}))
                    answer = json.loads(await socket.recv())["data"]
                    assert answer["observation"]["text"].startswith("start" if turn == 0 else f"turn {turn} ")
                assert sum(len(site.app.service.sessions) for site in one.sites.values()) == 17
            while sum(len(site.app.service.sessions) for site in one.sites.values()) > 16:
                await asyncio.sleep(0.01)

    asyncio.run(run())


def test_what_comes_late_is_answered_once(town):
    """Requests to a step that still runs, the same and pipelined ones, join it; none is taken twice."""

    async def run():
        async with town() as one:
            await one.server("site-0")
            router = await one.router()
            client = await one.client(router)
            (row,) = await client.create([CreateItem(WAITING, count=1)], request_id="x")
            transport = KeepAliveTransport(router.url, {}, 10.0)
            body = json.dumps({"episode": 0, "turn": 0, "action": "go"}).encode()
            asked = [
                transport.call(
                    "POST", f"/v1/sessions/{row.id}/step", body, {"content-type": "application/json"}
                )
                for _ in range(8)
            ]
            answers = await asyncio.gather(*asked)
            assert {answer.body for answer in answers} == {answers[0].body}
            assert (await client.describe(row.id))["turn"] == 1
            await transport.aclose()

    asyncio.run(run())


def test_a_link_that_nobody_waits_for_loses_no_failure_when_it_breaks():
    """Who opens it may be gone, since a timeout may come while the connection is made."""
    said = []

    async def run():
        asyncio.get_running_loop().set_exception_handler(lambda _, context: said.append(context))
        link = Link()
        link.connection_lost(None)
        assert link.accepted.done()
        del link
        gc.collect()
        await asyncio.sleep(0)

    asyncio.run(run())
    assert said == []
