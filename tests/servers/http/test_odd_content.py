"""What is deep, half a character or not a number is refused in words, and others keep their session."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest

from turnwise.servers.http.control_plane import Application
from turnwise.servers.http.keys import ANYONE
from turnwise.servers.http.websocket import serve_socket
from turnwise.servers.protocol.problems import encode_problem, environment_failed

DEPTHS = (130, 500, 900, 990, 1000, 1020, 1023, 1024, 5000)


def lists(depth: int) -> str:
    return "[" * depth + "]" * depth


def objects(depth: int) -> str:
    return '{"a":' * depth + "1" + "}" * depth


BODIES = [
    ("/v1/sessions/ID/step", '{"episode": 0, "turn": 0, "action": %s}'),
    ("/v1/step", '{"items": [{"id": "x", "episode": 0, "turn": 0, "action": %s}]}'),
    ("/v1/step", '{"items": [%s]}'),
    ("/v1/step", "%s"),
    ("/v1/sessions", '{"env_id": %s}'),
    ("/v1/sessions", '{"env_id": "x", "options": %s}'),
    ("/v1/sessions/ID/reset", '{"episode": %s}'),
    ("/v1/close", '{"ids": %s}'),
    ("/v1/close", '{"ids": [], "more": %s}'),
]


def test_a_deep_body_is_refused(make_service, talk, world):
    async def conversation(http: httpx.AsyncClient) -> None:
        made = await http.post("/v1/sessions", json={"env_id": world("Counter")})
        id = made.json()["sessions"][0]["id"]
        for path, body in BODIES:
            for depth in DEPTHS:
                for nested in (lists(depth), objects(depth)):
                    answer = await http.post(path.replace("ID", id), content=body % nested)
                    assert answer.status_code in (400, 413), (path, depth, answer.text[:200])
                    assert answer.json()["code"] in ("invalid_request", "too_large")
        brackets = {"episode": 0, "turn": 0, "action": "[{" * 5000}
        assert (await http.post(f"/v1/sessions/{id}/step", json=brackets)).json()["turn"] == 1

    talk(make_service(), conversation)


MESSAGES = [
    '{"request": 1, "call": %s, "body": {}}',
    '{"request": 1, "call": "hello", "body": {"key": %s}}',
    '{"request": 1, "call": "step", "wait_s": %s, "body": {"id": "x"}}',
    '{"request": 1, "call": "step", "fields": %s, "body": {"id": "x"}}',
    '{"request": 1, "call": "describe", "body": {"id": %s}}',
    '{"request": %s, "call": "envs"}',
    "%s",
]


class Wire:
    """A websocket without a socket: what is sent to it, and what came back."""

    def __init__(self, messages: list[str]) -> None:
        self.to_read = [{"type": "websocket.connect"}]
        self.to_read += [{"type": "websocket.receive", "text": text} for text in messages]
        self.num, self.answers = len(messages), list[dict[str, Any]]()
        self.all_there = asyncio.Event()

    async def receive(self) -> dict[str, Any]:
        if self.to_read:
            return self.to_read.pop(0)
        await self.all_there.wait()
        return {"type": "websocket.disconnect"}

    async def send(self, message: dict[str, Any]) -> None:
        if "text" in message:
            self.answers.append(json.loads(message["text"]))
        if len(self.answers) == self.num:
            self.all_there.set()


def answers_of(service, messages: list[str]) -> list[dict[str, Any]]:
    async def talk() -> list[dict[str, Any]]:
        app, wire = Application(service), Wire(messages)
        async with asyncio.timeout(20):
            await serve_socket(app.calls, None, ANYONE, wire.receive, wire.send)
        await service.aclose()
        return wire.answers

    return asyncio.run(talk())


def test_a_deep_message_of_a_websocket_is_answered(make_service):
    messages = [
        message % nest(depth) for message in MESSAGES for depth in DEPTHS for nest in (lists, objects)
    ]
    assert {answer["status"] for answer in answers_of(make_service(), messages)} == {400, 413}


def test_a_failure_that_nobody_has_foreseen_is_answered(make_service, monkeypatch, caplog):
    service = make_service()
    monkeypatch.setattr(type(service.catalogue), "listing", lambda self: 1 / 0)
    (answer,) = answers_of(service, ['{"request": 7, "call": "envs", "body": {}}'])
    assert (answer["request"], answer["status"], answer["body"]["code"]) == (7, 500, "internal_error")
    assert "ZeroDivisionError" in caplog.text
    assert "ZeroDivisionError" not in json.dumps(answer), "the log says why, and nobody else"


@pytest.mark.parametrize("isolation", ["inline", "thread"])
def test_an_error_with_half_a_character_loses_nobody_a_session(make_service, talk, world, isolation):
    async def conversation(http: httpx.AsyncClient) -> None:
        items = [
            {"env_id": world("Counter")},
            {"env_id": world("Fragile"), "options": {"half": True}},
            {"env_id": world("Counter")},
        ]
        answer = await http.post("/v1/sessions", json={"items": items, "request_id": "one"})
        first, failed, last = answer.json()["sessions"]
        assert (failed["status"], failed["code"]) == (422, "environment_failed")
        assert "RuntimeError: no floor ?" in failed["detail"]
        for row in (first, last):
            step = {"episode": 0, "turn": 0, "action": "go"}
            assert (await http.post(f"/v1/sessions/{row['id']}/step", json=step)).json()["turn"] == 1
        fine = await http.post("/v1/sessions", json={"env_id": world("Fragile")})
        id = fine.json()["sessions"][0]["id"]
        again = await http.post(f"/v1/sessions/{id}/reset", json={"episode": 1, "options": {"half": True}})
        assert (again.status_code, again.json()["end"]) == (200, "error")

    talk(make_service({"*": isolation}), conversation)


def test_a_problem_holds_any_text():
    problem = json.loads(encode_problem(environment_failed("a \ud800 b"), more=["\udfff"]))
    assert (problem["detail"], problem["more"]) == ("a ? b", ["?"])


@pytest.mark.parametrize(
    ("action", "told"),
    [("gap", "info['parts'][0]['score'] = nan"), ("gaps", "info['scores'] = [1.0, inf]"), ("half", "JSON")],
)
def test_what_json_cannot_say_ends_the_episode(make_service, talk, world, action, told):
    async def conversation(http: httpx.AsyncClient) -> None:
        made = await http.post("/v1/sessions", json={"env_id": world("Fragile")})
        id = made.json()["sessions"][0]["id"]
        step = {"episode": 0, "turn": 0, "action": "unknown"}
        fine = (await http.post(f"/v1/sessions/{id}/step", json=step)).json()
        assert (fine["end"], fine["info"]["score"]) == (None, None), "None says that it is not known"
        step = {"episode": 0, "turn": 1, "action": action}
        broken = (await http.post(f"/v1/sessions/{id}/step", json=step)).json()
        assert broken["end"] == "error"
        assert told in broken["info"]["error"]

    talk(make_service(), conversation)


@pytest.mark.parametrize("path", ["/", "/health", "/metrics", "/docs", "/openapi.json", "/v1/envs"])
def test_head_is_answered_wherever_get_is(make_service, talk, path):
    async def conversation(http: httpx.AsyncClient) -> None:
        got, asked = await http.get(path), await http.head(path)
        assert asked.status_code == got.status_code == 200
        assert asked.headers["content-type"] == got.headers["content-type"]
        assert (await http.head("/v1/step")).status_code == 405
        assert (await http.head("/nothing")).status_code == 404

    talk(make_service(), conversation)
