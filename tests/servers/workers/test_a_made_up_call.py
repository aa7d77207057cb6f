"""A call is declared once: a row, a body and a meaning, and it is answered everywhere.

1. HTTP and the websocket of either of two workers answer it, wherever its sessions are.
2. A body that is wrong is refused, and the OpenAPI document describes it.
3. Every row of the table has its meaning, its body and an address of its own.
"""

from __future__ import annotations

import asyncio
import json

import httpx
import orjson
import pytest

from turnwise.servers.http.control_plane import Application
from turnwise.servers.http.dispatch import Calls
from turnwise.servers.http.messages import Response
from turnwise.servers.protocol import bodies
from turnwise.servers.protocol.calls import CALLS, Call

SUMMARY = "Say which sessions a shift looks after."
HOURS = Call("hours", "POST", "/v1/hours", "HoursBody", "", frozenset(), "sessions", SUMMARY)
COLOUR = Call("colour", "GET", "/v1/sessions/{id}/colour", "", "", frozenset(), "session", "Name a colour.")


class HoursBody(bodies.IdsBody):
    """Sessions to look after."""


async def _hours(self, request, ids):
    known = [id for id in ids if self.service.find(request.caller.name, id) is not None]
    return Response(200, orjson.dumps({"known": known, "zone": "UTC"}))


async def _colour(self, request, body):
    assert body is None
    colour = {"id": request.id, "here": request.id in self.service.sessions}
    return Response(200, orjson.dumps(colour))


@pytest.fixture
def made_up(monkeypatch):
    for call, meaning in ((HOURS, _hours), (COLOUR, _colour)):
        monkeypatch.setitem(CALLS, call.name, call)
        monkeypatch.setattr(Calls, call.name, meaning, raising=False)
    monkeypatch.setattr(bodies, "HoursBody", HoursBody, raising=False)


async def _over_websocket(app, call: str, body: dict) -> dict:
    said, heard = asyncio.Queue(), asyncio.Queue()
    scope = {"type": "websocket", "path": "/v1/ws", "headers": []}
    serving = asyncio.create_task(app(scope, said.get, heard.put))
    said.put_nowait({"type": "websocket.connect"})
    message = {"request": 1, "call": call, "body": body}
    said.put_nowait({"type": "websocket.receive", "text": json.dumps(message)})
    assert (await heard.get())["type"] == "websocket.accept"
    answer = json.loads((await heard.get())["text"])
    said.put_nowait({"type": "websocket.disconnect"})
    await serving
    return answer


def test_a_made_up_call_is_answered_everywhere(made_up, two_workers, world):
    async def run() -> None:
        async with two_workers() as apps:
            doors = [
                httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://test")
                for app in apps
            ]
            items = {"items": [{"env_id": world("Counter"), "count": 4}]}
            made = (await doors[0].post("/v1/sessions", json=items)).json()["sessions"]
            ids = [session["id"] for session in made]
            assert {id[0] for id in ids} == {"0", "1"}, "both workers hold some"
            asked = [ids[3], "0-nobody", ids[0], ids[2], ids[1]]
            told = {"known": [ids[3], ids[0], ids[2], ids[1]], "zone": "UTC"}
            for app, door in zip(apps, doors, strict=True):
                assert (await door.post("/v1/hours", json={"ids": asked})).json() == told
                answer = await _over_websocket(app, "hours", {"ids": asked})
                assert answer == {"request": 1, "status": 200, "body": told}
                for id in ids:
                    there = {"id": id, "here": True}
                    assert (await door.get(f"/v1/sessions/{id}/colour")).json() == there
                    assert (await _over_websocket(app, "colour", {"id": id}))["body"] == there
                wrong = await door.post("/v1/hours", json={"ids": asked, "more": 1})
                assert (wrong.status_code, wrong.json()["code"]) == (422, "invalid_request")
                assert (await _over_websocket(app, "colour", {"id": "0-a", "x": 1}))["status"] == 422
            for door in doors:
                await door.aclose()

    asyncio.run(run())


def test_the_document_describes_it(made_up, make_service):
    paths = Application(make_service()).control_plane.openapi()["paths"]
    hours = paths["/v1/hours"]["post"]
    assert hours["description"] == SUMMARY and hours["tags"] == ["batches"]
    schema = hours["requestBody"]["content"]["application/json"]["schema"]
    assert schema["required"] == ["ids"] and schema["description"] == "Sessions to look after."
    (parameter,) = paths["/v1/sessions/{id}/colour"]["get"]["parameters"]
    assert (parameter["name"], parameter["in"]) == ("id", "path")


def test_every_row_is_whole():
    for name, call in CALLS.items():
        assert name == call.name and callable(getattr(Calls, name))
        assert (bodies.body_of(call) is not None) is (call.method == "POST")
    assert len({(call.method, call.path) for call in CALLS.values()}) == len(CALLS)
