"""Every malformed or forbidden request gets the right 4xx as a problem document, and harms no session."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from turnwise.servers.http.keys import Caller, Keys
from turnwise.servers.protocol.limits import Limits
from turnwise.servers.protocol.types import Problem

SMALL = Limits(max_body_bytes=20_000, max_action_chars=100, max_batch=4, max_depth=8, max_sessions=6)


def nested(depth: int) -> Any:
    return [nested(depth - 1)] if depth else 0


BAD_STEPS = [
    (b"", 400),
    (b"{", 400),
    (b"\xff\xfe", 400),
    (b"[]", 422),
    (b"null", 422),
    (b'{"episode": 0, "turn": 0}', 422),
    (b'{"episode": 0, "turn": 0, "action": 3}', 422),
    (b'{"episode": 0, "turn": "0", "action": "go"}', 422),
    (b'{"episode": 0, "turn": true, "action": "go"}', 422),
    (b'{"episode": 0, "turn": 0.0, "action": "go"}', 422),
    (b'{"episode": -1, "turn": 0, "action": "go"}', 422),
    (b'{"episode": 0, "turn": 99999999999999999999999, "action": "go"}', 422),
    (b'{"episode": 0, "turn": 0, "action": "go", "extra": 1}', 422),
    (b'{"episode": 0, "turn": 0, "action": "\\ud800"}', 400),
    (b'{"episode": 0, "turn": 0, "action": "' + b"x" * 101 + b'"}', 413),
    (b'{"episode": 0, "turn": 0, "action": "' + b"x" * 20_000 + b'"}', 413),
    (b'{"a":' * 2000 + b"1" + b"}" * 2000, 400),
]


@pytest.mark.parametrize(("body", "status"), BAD_STEPS)
def test_bad_steps(make_service, talk, world, body, status):
    async def conversation(http: httpx.AsyncClient) -> None:
        created = await http.post("/v1/sessions", json={"env_id": world("Counter")})
        id = created.json()["sessions"][0]["id"]
        answer = await http.post(f"/v1/sessions/{id}/step", content=body)
        assert answer.status_code == status, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["code"] in ("invalid_request", "too_large")
        fine = await http.post(f"/v1/sessions/{id}/step", json={"episode": 0, "turn": 0, "action": "go"})
        assert fine.json()["turn"] == 1, "the session is unharmed"

    talk(make_service(limits=SMALL), conversation)


def bad_calls(env_id: str) -> list[tuple[str, Any, int, str]]:
    step = {"id": "x", "episode": 0, "turn": 0, "action": "go"}
    return [
        ("/v1/step", {"items": [step] * 5}, 413, "too_large"),
        ("/v1/step", {"items": step}, 422, "invalid_request"),
        ("/v1/step", {"items": [1]}, 422, "invalid_request"),
        ("/v1/step", {"items": [{**step, "id": 1}]}, 422, "invalid_request"),
        ("/v1/step", {"items": [step], "more": 1}, 422, "invalid_request"),
        ("/v1/sessions", {}, 422, "invalid_request"),
        ("/v1/sessions", {"items": []}, 422, "invalid_request"),
        ("/v1/sessions", {"env_id": 3}, 422, "invalid_request"),
        ("/v1/sessions", {"env_id": env_id, "count": 0}, 422, "invalid_request"),
        ("/v1/sessions", {"env_id": env_id, "count": 5}, 413, "too_large"),
        ("/v1/sessions", {"env_id": env_id, "seed": -1}, 422, "invalid_request"),
        ("/v1/sessions", {"env_id": env_id, "seed": "1"}, 422, "invalid_request"),
        ("/v1/sessions", {"env_id": env_id, "kwargs": {"width": 1}}, 422, "invalid_request"),
        ("/v1/sessions", {"env_id": env_id, "kwargs": {"length": nested(20)}}, 413, "too_large"),
        ("/v1/sessions", {"env_id": env_id, "nonsense": 1}, 422, "invalid_request"),
        ("/v1/sessions", {"env_id": env_id, "request_id": ""}, 422, "invalid_request"),
        ("/v1/sessions", {"env_id": "household/nothing-v0"}, 404, "unknown_environment"),
        ("/v1/sessions", {"env_id": "os:system"}, 403, "not_allowed"),
        ("/v1/sessions", {"env_id": "/etc/passwd:X"}, 403, "not_allowed"),
        ("/v1/sessions", {"env_id": env_id, "kwargs": {"data": "/etc/passwd"}}, 403, "not_allowed"),
        ("/v1/sessions", {"env_id": env_id, "kwargs": {"data": "passwd"}}, 403, "not_allowed"),
        ("/v1/sessions", {"env_id": env_id, "kwargs": {"length": "../x"}}, 403, "not_allowed"),
        ("/v1/reset", {"items": [{"id": "x"}]}, 422, "invalid_request"),
        ("/v1/reset", {"items": [{"id": "x", "episode": 1}]}, 404, "unknown_session"),
        ("/v1/fork", {"items": [{"id": "x"}]}, 404, "unknown_session"),
        ("/v1/fork", {"items": [{"id": "x", "count": 0}]}, 422, "invalid_request"),
        ("/v1/close", {"ids": "x"}, 422, "invalid_request"),
        ("/v1/close", {"ids": ["x"] * 5}, 413, "too_large"),
        ("/v1/heartbeat", {"ids": [1]}, 422, "invalid_request"),
    ]


def test_bad_calls(make_service, talk, world):
    async def conversation(http: httpx.AsyncClient) -> None:
        for path, body, status, code in bad_calls(world("Counter")):
            answer = await http.post(path, json=body)
            assert (answer.status_code, answer.json()["code"]) == (status, code), (path, body, answer.text)
            assert answer.json()["detail"]
        for method, path, status in [
            ("GET", "/v1/sessions/none", 404),
            ("GET", "/v1/sessions/none/journal", 404),
            ("GET", "/v1/sessions/none?turn=x", 422),
            ("DELETE", "/v1/sessions/none", 404),
            ("GET", "/v1/step", 405),
            ("POST", "/v1/sessions/a/b/step", 404),
            ("PUT", "/v1/sessions", 405),
        ]:
            answer = await http.request(method, path, json={"episode": 0, "turn": 0, "action": ""})
            assert answer.status_code == status, (method, path, answer.text)
            assert answer.headers["content-type"] == "application/problem+json"

    service = make_service(limits=SMALL)
    talk(service, conversation)
    assert not service.sessions


def test_members_that_are_not_ones_are_named_with_those_that_are(make_service, talk, world):
    async def conversation(http: httpx.AsyncClient) -> None:
        told = [
            (await http.post("/v1/sessions", json=body)).json()["detail"]
            for body in ({"env": world("Counter")}, {"seed": 3})
        ]
        assert [text.partition(":")[0] for text in told] == ["env", "env_id"]
        members = "env_id, kwargs, seed, options, count, group, request_id"
        assert all(text.endswith(f"; a body has {members}") for text in told)

    talk(make_service(), conversation)


def test_wait_must_be_a_number(make_service, talk, world):
    async def conversation(http: httpx.AsyncClient) -> None:
        body = {"episode": 0, "turn": 0, "action": "go"}
        for value in ("x", "-1", "inf", "nan"):
            answer = await http.post("/v1/sessions/x/step", json=body, headers={"prefer": f"wait={value}"})
            assert answer.status_code == 422, value

    talk(make_service(), conversation)


def test_files_are_read_only_under_a_data_root(make_service, talk, world, tmp_path):
    root, outside = tmp_path / "root", tmp_path / "outside.txt"
    root.mkdir()
    outside.write_text("secret")
    (root / "words.txt").write_text("hello")
    (root / "link.txt").symlink_to(outside)

    async def conversation(http: httpx.AsyncClient) -> None:
        async def data(name: str) -> httpx.Response:
            return await http.post(
                "/v1/sessions", json={"env_id": world("Counter"), "kwargs": {"data": name}}
            )

        allowed = (await data("words.txt")).json()["sessions"][0]
        assert allowed["observation"].endswith("hello")
        journal = (await http.get(f"/v1/sessions/{allowed['id']}/journal")).json()
        assert journal["kwargs"] == {"data": "words.txt"}, "the server's own paths are not told"
        for name in (
            "link.txt",
            "../outside.txt",
            str(outside),
            "words.txt\0",
            "~/x",
            "none.txt",
            "x" * 5000,
        ):
            answer = await data(name)
            assert answer.status_code == 403, name
            assert "secret" not in answer.text

    talk(make_service(roots=(root,)), conversation)


def test_problems_never_carry_long_values(make_service, talk):
    async def conversation(http: httpx.AsyncClient) -> None:
        answer = await http.post("/v1/sessions", json={"env_id": "a" * 900})
        assert len(answer.text) < 5000
        answer = await http.post("/v1/sessions", json={"env_id": {"a": "b" * 10_000}})
        assert len(answer.text) < 2000

    talk(make_service(), conversation)


def test_a_key_is_needed_where_there_are_keys(make_service, talk, world):
    keys = Keys({"a-secret-of-enough-length": Caller("ann")})

    async def conversation(http: httpx.AsyncClient) -> None:
        for header in (None, "Bearer wrong-secret-of-enough", "Basic abc", "Bearer "):
            headers = {"authorization": header} if header else {}
            for method, path in [("GET", "/v1/envs"), ("POST", "/v1/step"), ("POST", "/v1/sessions")]:
                answer = await http.request(method, path, headers=headers, json={})
                assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
                assert answer.headers["www-authenticate"] == "Bearer"
        fine = await http.get("/v1/envs", headers={"authorization": "bearer a-secret-of-enough-length"})
        assert fine.status_code == 200
        assert (await http.get("/health")).status_code == 200

    talk(make_service(), conversation, keys)


def test_every_problem_says_what_to_do():
    from turnwise.servers.protocol import problems

    makers = [
        problems.not_a_key(),
        problems.draining(),
        problems.unknown_session("x"),
        problems.capacity("full", 3),
    ]
    assert all(isinstance(problem, Problem) and problem.todo for problem in makers)
