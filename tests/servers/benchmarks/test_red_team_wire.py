"""Ways to cheat by what carries the calls: connections, headers, batches, sizes, counters."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnwise.servers.benchmarks.watch import Watch

from .conftest import SECRETS, Hosted, deal, start, step
from .test_openenv import Line
from .test_red_team import leaks, over_socket

WAIT = {"episode": 0, "turn": 0, "action": "wait"}


def request(key: str, path: str, body: Any, *headers: str, method: str = "POST") -> bytes:
    """Return the bytes of a request; further headers stand before the usual ones."""
    content = b"" if body is None else orjson.dumps(body)
    lines = [
        f"{method} {path} HTTP/1.1",
        "host: 127.0.0.1",
        *headers,
        f"authorization: Bearer {SECRETS[key]}",
        "content-type: application/json",
        f"content-length: {len(content)}",
    ]
    return "\r\n".join([*lines, "", ""]).encode() + content


async def answers(reader: asyncio.StreamReader, num: int) -> list[tuple[int, dict[str, Any]]]:
    """Read so many answers of one connection."""
    found = []
    for _ in range(num):
        head = (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 20)).decode()
        length = re.search(r"content-length: (\d+)", head, re.IGNORECASE)
        content = await reader.readexactly(int(length[1]) if length else 0)
        found.append((int(head.split()[1]), orjson.loads(content) if content[:1] == b"{" else {}))
    return found


@asynccontextmanager
async def line_to(hosted: Hosted, listening: Callable[..., Any]) -> AsyncIterator[Any]:
    """Give a function that sends bytes over a connection of its own and returns the answers."""
    async with listening(hosted.app) as server:

        async def send(content: bytes, num: int = 1) -> list[tuple[int, dict[str, Any]]]:
            reader, writer = await server.connect()
            writer.write(content)
            return await answers(reader, num)

        yield send


def test_requests_behind_one_another_are_each_of_their_own_key(
    host: Callable[..., None], listening: Callable[..., Any]
) -> None:
    async def conversation(hosted: Hosted) -> None:
        async with hosted.client() as http, line_to(hosted, listening) as send:
            run = await start(http)
            path = f"/v1/sessions/{(await deal(http, run, 0))['session']['id']}/step"
            second = {**WAIT, "turn": 1}
            rows = (("red", WAIT), ("blue", second), ("red", second))
            said = await send(b"".join(request(key, path, body) for key, body in rows), 3)
            assert [(status, body.get("turn")) for status, body in said] == [(200, 1), (404, None), (200, 2)]
            assert leaks(hosted, json.dumps([body for _, body in said])) == []

    host(conversation)


def test_a_key_that_is_said_twice_is_the_first(
    host: Callable[..., None], listening: Callable[..., Any]
) -> None:
    async def conversation(hosted: Hosted) -> None:
        async with hosted.client() as http, line_to(hosted, listening) as send:
            run = await start(http)
            id = (await deal(http, run, 0))["session"]["id"]
            for path, body in ((f"/v1/sessions/{id}/step", WAIT), (f"/v1/runs/{run}/next", {"task": 0})):
                twice = f"authorization: Bearer {SECRETS['blue']}"
                assert (await send(request("red", path, body, twice)))[0][0] == 404
            assert hosted.service.sessions[id].turn == 0

    host(conversation)


@pytest.mark.parametrize(
    "header",
    [
        "content-length: 3",
        "transfer-encoding: chunked",
        "x-http-method-override: DELETE",
        "x-original-url: /v1/sessions",
        "content-type: text/plain",
        "expect: 100-continue",
        "x-forwarded-for: 127.0.0.1",
    ],
)
def test_a_header_makes_no_other_call_of_a_step(
    host: Callable[..., None], listening: Callable[..., Any], header: str
) -> None:
    async def conversation(hosted: Hosted) -> None:
        async with hosted.client() as http, line_to(hosted, listening) as send:
            run = await start(http)
            id = (await deal(http, run, 0))["session"]["id"]
            hidden = request("red", f"/v1/sessions/{id}", None, method="DELETE")
            content = request("red", f"/v1/sessions/{id}/step", WAIT, header)
            (status, body), *_ = await send(content + (hidden if "chunked" in header else b""))
            while status == 100:
                (status, body), *_ = await send(request("red", f"/v1/sessions/{id}/step", WAIT))
            assert status in (200, 400, 415) and leaks(hosted, json.dumps(body)) == []
            assert hosted.service.sessions[id].turn == (1 if status == 200 else 0)
            assert (await deal(http, run, 0))["session"]["id"] == id

    host(conversation)


def test_a_whole_address_in_the_first_line_reaches_nothing_else(
    host: Callable[..., None], listening: Callable[..., Any]
) -> None:
    async def conversation(hosted: Hosted) -> None:
        async with hosted.client() as http, line_to(hosted, listening) as send:
            run = await start(http)
            id = (await deal(http, run, 0))["session"]["id"]
            for path in (
                f"http://127.0.0.1/v1/sessions/{id}/journal",
                f"//127.0.0.1/v1/sessions/{id}/journal",
                f"/v1//sessions/{id}/journal",
                f"/v1/sessions/{id}/journal#/step",
                f"/v1/sessions/{id}/journal?x=/step",
                f"/V1/sessions/{id}/journal",
            ):
                ((status, body),) = await send(request("red", path, None, method="GET"))
                assert status in (400, 403, 404) and leaks(hosted, json.dumps(body)) == [], path

    host(conversation)


def test_a_batch_over_sessions_of_two_runs_steps_those_of_the_key_alone(host: Callable[..., None]) -> None:
    async def conversation(hosted: Hosted) -> None:
        async with hosted.client() as http, hosted.client("blue") as other:
            mine = (await deal(http, await start(http), 0))["session"]
            others = (await deal(other, await start(other), 0))["session"]
            ids = [others["id"], mine["id"], others["id"], mine["id"], mine["id"]]
            actions = ["wait", "wait", "wait", "wait", "open 0"]
            items = [{"id": id, **WAIT, "action": action} for id, action in zip(ids, actions, strict=True)]
            rows = (await http.post("/v1/step", json={"items": items})).json()["items"]
            codes = [row.get("code", row.get("turn")) for row in rows]
            assert codes == ["unknown_session", 1, "unknown_session", 1, "wrong_turn"]
            assert hosted.service.sessions[others["id"]].turn == 0

    host(conversation)


def test_ids_that_are_guessed_are_answered_as_those_of_others(host: Callable[..., None]) -> None:
    async def conversation(hosted: Hosted) -> None:
        async with hosted.client() as http, hosted.client("blue") as other:
            run = await start(http)
            id = (await deal(http, run, 0))["session"]["id"]
            assert len(id.rpartition("-")[2]) == 32
            for real, path, body in (
                (id, "/v1/sessions/{}/step", WAIT),
                (run, "/v1/runs/{}/next", {"task": 0}),
                (run, "/v1/runs/{}/forfeit", {"task": 0}),
            ):
                made_up = real[:-6] + "abcdef"
                said = [await other.post(path.format(one), json=body) for one in (real, made_up)]
                texts = {answer.text.replace(real, "?").replace(made_up, "?") for answer in said}
                assert len(texts) == 1 and {answer.status_code for answer in said} == {404}

    host(conversation)


HIDDEN = ["won", "score", "task", "state_hash", "rewards", "private", "metrics", "state_key"]


@given(st.dictionaries(st.sampled_from(HIDDEN), st.text() | st.floats(allow_nan=False)), st.floats(-9, 9))
def test_no_size_of_a_reply_depends_on_what_it_hides(info: dict[str, Any], reward: float) -> None:
    watch = Watch(("admissible",), 9, lambda: None, lambda end: None)
    seen = {"episode": 0, "turn": 3, "observation": "o", "terminated": False, "truncated": False, "end": None}
    shown = {"admissible": ["a", "b"]}
    core = orjson.dumps({**seen, "reward": reward, "info": {**shown, **info}, "env_id": "e", "seed": 7})
    assert watch.shown(core) == orjson.dumps({**seen, "info": shown})


def test_no_counter_tells_an_outcome_and_who_plays_may_read_none(host: Callable[..., None]) -> None:
    async def conversation(hosted: Hosted) -> None:
        seen = []
        async with hosted.client() as http:
            assert (await http.get("/metrics")).status_code == 401
            run = await start(http)
            for task, won in enumerate((True, False)):
                before = await counters(hosted, http)
                reply = (await deal(http, run, task))["session"]
                gold = hosted.secret_of(reply["id"]).gold
                wrong = f"open {(gold + 1) % 4}"
                for action in (wrong, f"open {gold}" if won else wrong):
                    reply = await step(http, reply, action)
                assert reply["end"] == "terminated"
                after = await counters(hosted, http)
                seen.append({name: after[name] - before.get(name, 0.0) for name in after})
        assert seen[0] == seen[1]

    async def counters(hosted: Hosted, http: Any) -> dict[str, float]:
        health = (await http.get("/health")).text
        text = hosted.service.metrics.render({})
        assert not any(word in health for word in ("won", "score", "vaults"))
        assert not any(word in text for word in ("won", "score"))
        lines = [line.rpartition(" ") for line in text.splitlines() if not line.startswith("#")]
        return {name: float(value) for name, _, value in lines if "step_seconds" not in name}

    host(conversation)


def test_one_task_asked_for_by_every_way_at_once_is_dealt_once(host: Callable[..., None]) -> None:
    async def conversation(hosted: Hosted) -> None:
        async with hosted.client() as http:
            run = await start(http)
            line = Line(hosted)
            message = {"request": 1, "call": "next", "body": {"id": run, "task": 0}}
            dealt, sockets, shown = await asyncio.gather(
                deal(http, run, 0), over_socket(hosted, "/v1/ws", "red", [message]), line.ask("reset")
            )
            assert sockets[0]["body"]["session"] == dealt["session"]
            assert shown["observation"]["text"] == dealt["session"]["observation"]
            assert len(hosted.service.sessions) == 1
            await line.hang_up()

    host(conversation)
