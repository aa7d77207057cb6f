"""Errors that mean something to whoever runs an environment: a generator, an event loop, a thread.

However it runs, such an error ends the session it comes from, with a reason, and nothing else:
the call is answered, repeated alike, the session can be reset, others go on, and the server stops.
So does an environment that cannot be closed.
"""

from __future__ import annotations

import asyncio

import httpx
import pytest

import turnwise
from turnwise.servers.client import ServerProcess
from turnwise.servers.http.keys import ANYONE
from turnwise.servers.isolation.catalogue import Catalogue
from turnwise.servers.protocol.limits import Limits
from turnwise.servers.sessions import leases
from turnwise.servers.sessions.leases import reap
from turnwise.servers.sessions.service import Service

ERRORS = ("end", "generator", "cancelled", "base", "mute")
CASES = [(how, what) for how in ("inline", "thread") for what in ERRORS]
CASES += [("thread", "interrupted")]  # inline it may be of the keyboard, outside of a server
CASES += [("process", "interrupted"), ("process", "end"), ("process", "mute")]


@pytest.mark.parametrize(("isolation", "what"), CASES)
@pytest.mark.parametrize("kind", ["Strange", "StrangeWaiting"])
def test_it_ends_its_session_alone(talk, world, isolation, what, kind):
    env_id = world(kind)

    async def conversation(http: httpx.AsyncClient) -> None:
        made = (await http.post("/v1/sessions", json={"env_id": env_id, "count": 2})).json()["sessions"]
        one, other = (f"/v1/sessions/{row['id']}" for row in made)
        body = {"episode": 0, "turn": 0, "action": what}
        async with asyncio.timeout(20):
            answer = await http.post(f"{one}/step", json=body)
            assert (answer.status_code, answer.json()["end"]) == (200, "error")
            assert answer.json()["info"]["error"]
            assert (await http.post(f"{one}/step", json=body)).content == answer.content
            neighbour = await http.post(f"{other}/step", json={**body, "action": "go"})
            assert neighbour.json()["turn"] == 1
            failed = await http.post(f"{one}/reset", json={"episode": 1, "options": {"raise": what}})
            assert (failed.status_code, failed.json()["end"]) == (200, "error")
            assert (await http.post(f"{one}/reset", json={"episode": 2})).json()["end"] is None
            for refused in ({"kwargs": {"what": what}}, {"options": {"raise": what}}):
                answer = await http.post("/v1/sessions", json={"env_id": env_id, **refused})
                assert (answer.status_code, answer.json()["code"]) == (422, "environment_failed")
            closed = await http.post("/v1/close", json={"ids": [row["id"] for row in made]})
            assert closed.json() == {"closed": [row["id"] for row in made]}

    talk(Service(Catalogue([env_id], isolation={"*": isolation})), conversation)


def test_what_cannot_be_closed_is_reaped_all_the_same(talk, world, caplog):
    now = [0.0]
    service = Service(Catalogue([world("Strange")]), limits=Limits(ttl_s=10), clock=lambda: now[0])

    async def conversation(http: httpx.AsyncClient) -> None:
        await http.post("/v1/sessions", json={"env_id": world("Strange"), "count": 3})
        now[0] = 20.0
        assert len(reap(service)) == 3
        assert service.ledger.held(ANYONE.name) == 0

    talk(service, conversation)
    assert caplog.text.count("could not be closed") == 3


@pytest.mark.parametrize("what", ["cancelled", "base", "generator", "exit"])
def test_leases_expire_though_closing_raises_what_would_end_a_task(talk, world, monkeypatch, what):
    monkeypatch.setattr(leases, "_LOOK_S", 0.01)
    now = [0.0]
    service = Service(Catalogue([world("Unruly")]), limits=Limits(ttl_s=0.04), clock=lambda: now[0])

    async def conversation(http: httpx.AsyncClient) -> None:
        reaper = asyncio.create_task(leases.keep_reaping(service))
        for how in (what, what, ""):
            await http.post("/v1/sessions", json={"env_id": world("Unruly"), "kwargs": {"close": how}})
        for later in (10.0, 20.0):
            now[0] = later
            async with asyncio.timeout(10):
                while service.sessions:
                    await asyncio.sleep(0.01)
            await http.post("/v1/sessions", json={"env_id": world("Unruly")})
        assert not reaper.done()
        reaper.cancel()

    talk(service, conversation)


def test_an_interrupt_of_an_environment_is_no_ctrl_c_for_its_server(world):
    with ServerProcess(["--env", world("Unruly")]) as server:
        made = httpx.post(f"{server.url}/v1/sessions", json={"env_id": world("Unruly"), "count": 2}).json()
        one, other = (f"{server.url}/v1/sessions/{row['id']}/step" for row in made["sessions"])
        body = {"episode": 0, "turn": 0, "action": "interrupted"}
        answer = httpx.post(one, json=body)
        assert answer.json()["info"]["error"].endswith("Unruly.step raised KeyboardInterrupt")
        assert httpx.post(other, json={**body, "action": "go"}).json()["turn"] == 1
        assert server.stop() == 0


def test_an_interrupt_elsewhere_may_be_a_ctrl_c(world):
    env = turnwise.make(world("Unruly"))
    env.reset(seed=1)
    with pytest.raises(KeyboardInterrupt):
        env.step("interrupted")
