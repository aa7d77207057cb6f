"""Attacks on another key's session: each is refused, and the session does not notice.

Ann owns a session; Bob has a key of his own and tries everything. What he is
told of her session is word for word what he is told of one that never existed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from turnwise.servers.http.control_plane import Application
from turnwise.servers.http.keys import Caller, Keys
from turnwise.servers.protocol.limits import Limits

ANN, BOB, EVE = "secret-of-ann-long-enough", "secret-of-bob-long-enough", "secret-of-eve-long-enough"
KEYS = Keys({ANN: Caller("ann"), BOB: Caller("bob"), EVE: Caller("eve", evaluation=True)})
STEP = {"episode": 0, "turn": 1, "action": "go"}
NEVER = "0123456789abcdef"

Http = httpx.AsyncClient
Attack = Callable[[Http, str, str], Awaitable[httpx.Response]]


def as_bob(http: Http, method: str, path: str, body: Any = None, **headers: str) -> Awaitable[httpx.Response]:
    return http.request(method, path, json=body, headers={"authorization": f"Bearer {BOB}", **headers})


# attack -> the request; each runs on Ann's session and on one that never existed
ATTACKS: dict[str, Attack] = {
    "step": lambda http, id, _: as_bob(http, "POST", f"/v1/sessions/{id}/step", STEP),
    "repeat her last step": lambda http, id, _: as_bob(
        http, "POST", f"/v1/sessions/{id}/step", {**STEP, "turn": 0}
    ),
    "step in a batch": lambda http, id, _: as_bob(http, "POST", "/v1/step", {"items": [{"id": id, **STEP}]}),
    "step in a stream": lambda http, id, _: as_bob(
        http, "POST", "/v1/step", {"items": [{"id": id, **STEP}]}, accept="application/x-ndjson"
    ),
    "reset": lambda http, id, _: as_bob(http, "POST", f"/v1/sessions/{id}/reset", {"episode": 1}),
    "repeat her reset": lambda http, id, _: as_bob(http, "POST", f"/v1/sessions/{id}/reset", {"episode": 0}),
    "reset in a batch": lambda http, id, _: as_bob(
        http, "POST", "/v1/reset", {"items": [{"id": id, "episode": 1}]}
    ),
    "fork": lambda http, id, _: as_bob(http, "POST", "/v1/fork", {"items": [{"id": id}]}),
    "look": lambda http, id, _: as_bob(http, "GET", f"/v1/sessions/{id}"),
    "poll": lambda http, id, _: as_bob(http, "GET", f"/v1/sessions/{id}?turn=0"),
    "read the journal": lambda http, id, _: as_bob(http, "GET", f"/v1/sessions/{id}/journal"),
    "delete": lambda http, id, _: as_bob(http, "DELETE", f"/v1/sessions/{id}"),
    "close": lambda http, id, _: as_bob(http, "POST", "/v1/close", {"ids": [id]}),
    "keep alive": lambda http, id, _: as_bob(http, "POST", "/v1/heartbeat", {"ids": [id]}),
    "no key": lambda http, id, _: http.post(f"/v1/sessions/{id}/step", json=STEP),
    "her name as the key": lambda http, id, _: http.get(
        f"/v1/sessions/{id}", headers={"authorization": "Bearer ann"}
    ),
    "her key cut short": lambda http, id, _: http.get(
        f"/v1/sessions/{id}", headers={"authorization": f"Bearer {ANN[:-1]}"}
    ),
    "an empty key": lambda http, id, _: http.get(f"/v1/sessions/{id}", headers={"authorization": "Bearer "}),
    "the key in the query": lambda http, id, _: http.get(f"/v1/sessions/{id}?key={ANN}&authorization={ANN}"),
    "another header": lambda http, id, _: as_bob(
        http, "GET", f"/v1/sessions/{id}", None, **{"turnwise.caller": "ann", "x-forwarded-user": "ann"}
    ),
    "a path with dots": lambda http, id, _: as_bob(http, "GET", f"/v1/sessions/x/%2e%2e/{id}"),
    "an id in capitals": lambda http, id, _: as_bob(http, "GET", f"/v1/sessions/{id.upper()}"),
    "her incarnation": lambda http, _, incarnation: as_bob(http, "GET", f"/v1/sessions/{incarnation}"),
}


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=list(ATTACKS))
def test_attacks(make_service, world, attack):
    async def run() -> None:
        transport = httpx.ASGITransport(app=Application(make_service(), KEYS))
        async with Http(transport=transport, base_url="http://test") as http:
            ann = {"authorization": f"Bearer {ANN}"}
            created = await http.post("/v1/sessions", json={"env_id": world("Counter")}, headers=ann)
            session = created.json()["sessions"][0]
            id = session["id"]
            first = {"episode": 0, "turn": 0, "action": "go"}
            reply = await http.post(f"/v1/sessions/{id}/step", json=first, headers=ann)
            before = (await http.get(f"/v1/sessions/{id}", headers=ann)).json()
            answer = await attack(http, id, session["incarnation"])
            never = await attack(http, NEVER, NEVER[:8])
            assert answer.status_code == never.status_code
            assert (
                answer.text.replace(id.upper(), NEVER.upper())
                .replace(id, NEVER)
                .replace(session["incarnation"], NEVER[:8])
                == never.text
            ), "what is told of her session is what is told of none"
            assert session["observation"] not in answer.text
            assert reply.json()["observation"] not in answer.text
            assert (await http.get(f"/v1/sessions/{id}", headers=ann)).json() == before
            assert (
                await http.post(f"/v1/sessions/{id}/step", json=first, headers=ann)
            ).content == reply.content
            assert (await http.post(f"/v1/sessions/{id}/step", json=STEP, headers=ann)).json()["turn"] == 2

    asyncio.run(run())


def test_her_request_id_gives_him_a_session_of_his_own(make_service, talk, world):
    async def conversation(http: Http) -> None:
        body = {"env_id": world("Counter"), "request_id": "same"}
        ids = []
        for key in (ANN, BOB):
            answer = await http.post("/v1/sessions", json=body, headers={"authorization": f"Bearer {key}"})
            ids.append(answer.json()["sessions"][0]["id"])
        assert ids[0] != ids[1]
        other = {**body, "seed": 3}
        answer = await http.post("/v1/sessions", json=other, headers={"authorization": f"Bearer {BOB}"})
        assert answer.json()["code"] == "request_id_reused"

    talk(make_service(), conversation, KEYS)


def test_filling_the_server_closes_nobody(make_service, talk, world):
    async def conversation(http: Http) -> None:
        ann = {"authorization": f"Bearer {ANN}"}
        created = await http.post("/v1/sessions", json={"env_id": world("Counter")}, headers=ann)
        id = created.json()["sessions"][0]["id"]
        for _ in range(5):
            await as_bob(http, "POST", "/v1/sessions", {"env_id": world("Counter"), "count": 2})
        assert (await http.get(f"/v1/sessions/{id}", headers=ann)).status_code == 200

    talk(make_service(limits=Limits(max_sessions=4)), conversation, KEYS)


def test_an_evaluation_key_never_sees_what_is_private(make_service, talk, world):
    async def conversation(http: Http) -> None:
        for key, sees in ((ANN, True), (EVE, False)):
            headers = {"authorization": f"Bearer {key}"}
            body = {"env_id": world("Counter"), "options": {"expert": True}}
            created = await http.post("/v1/sessions", json=body, headers=headers)
            id = created.json()["sessions"][0]["id"]
            answers = [created]
            answers.append(
                await http.post(
                    f"/v1/sessions/{id}/step", json={"episode": 0, "turn": 0, "action": "go"}, headers=headers
                )
            )
            reset = {"episode": 1, "options": {"expert": True}}
            answers.append(await http.post(f"/v1/sessions/{id}/reset", json=reset, headers=headers))
            answers.append(await http.post("/v1/fork", json={"items": [{"id": id}]}, headers=headers))
            answers.append(await http.get(f"/v1/sessions/{id}", headers=headers))
            assert [("private" in answer.text) for answer in answers] == [sees] * 5

    talk(make_service(), conversation, KEYS)


def test_the_counters_tell_of_everybody_and_are_told_to_no_stranger(make_service, talk, world):
    async def conversation(http: Http) -> None:
        statuses = [
            (await http.get("/metrics", headers=headers)).status_code
            for headers in ({}, {"authorization": f"Bearer {EVE}"}, {"authorization": f"Bearer {ANN}"})
        ]
        assert statuses == [401, 401, 200]
        assert (await http.get("/health")).status_code == 200

    talk(make_service(), conversation, KEYS)


def test_a_key_for_the_counters_is_told_that_it_calls_nothing(make_service, talk, world):
    async def conversation(http: Http) -> None:
        headers = {"authorization": f"Bearer {BOB}"}
        answer = await http.post("/v1/sessions", json={"env_id": world("Counter")}, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "not_allowed")
        assert (await http.get("/metrics", headers=headers)).status_code == 200

    talk(make_service(), conversation, Keys({ANN: Caller("ann")}, {BOB: "prometheus"}))


def test_secrets_are_in_no_answer_and_no_log(make_service, talk, world, caplog):
    async def conversation(http: Http) -> None:
        with caplog.at_level(0):
            for path in ("/metrics", "/health", "/v1/envs", "/v1/sessions/x", "/openapi.json"):
                answer = await http.get(path, headers={"authorization": f"Bearer {ANN}"})
                assert ANN not in answer.text
            await http.post(
                "/v1/sessions", json={"env_id": ANN}, headers={"authorization": "Bearer wrong" * 3}
            )
        assert not any(ANN in record.getMessage() for record in caplog.records if "turnwise" in record.name)

    talk(make_service(), conversation, KEYS)
