"""Answers of several workers or servers to one call are one answer.

1. Lists come one after the other, or by the order in which ids were given; tables key by key; what a later
   answer alone has is kept; one refusal is a refusal of the whole.
2. A server of several workers says of all sessions that have left where they are, whichever worker held them.
"""

from __future__ import annotations

import asyncio

import httpx
import orjson
import pytest

from turnwise.servers.http.joining import documents_of, joined
from turnwise.servers.http.messages import Response
from turnwise.servers.protocol.problems import PROBLEM_TYPE, Refused, encode_problem, unknown_session
from turnwise.servers.sessions.journal.sqlite import SqliteJournal


def test_documents_are_joined_list_by_list_and_table_by_table():
    parts = [
        {"closed": ["b"], "ttl_s": 3.0},
        {"closed": ["c", "a"], "ttl_s": 4.0, "elsewhere": {"x": "one"}},
        {"closed": [], "elsewhere": {"y": "two"}, "more": 1},
    ]
    given = orjson.dumps(parts)
    whole = {"ttl_s": 3.0, "elsewhere": {"x": "one", "y": "two"}, "more": 1}
    assert joined(parts) == {"closed": ["b", "c", "a"], **whole}
    assert joined(parts, ["a", "b", "z", "c", "a"]) == {"closed": ["a", "b", "c"], **whole}
    backwards = [{"closed": ["b", "a"]}]
    assert joined(backwards, ["a", "b"]) == {"closed": ["a", "b"]} and backwards[0]["closed"] == ["b", "a"]
    assert joined(parts[:1], ["b"]) == parts[0] and orjson.dumps(parts) == given, "nothing given is changed"


def test_one_refusal_is_a_refusal_of_the_whole():
    good = Response(200, b'{"closed":[]}')
    problem = Response(404, encode_problem(unknown_session("x")), PROBLEM_TYPE, 2.0)
    assert documents_of([good, good]) == [{"closed": []}] * 2
    with pytest.raises(Refused) as refused:
        documents_of([good, problem, RuntimeError("later")])
    assert refused.value.problem.code == "unknown_session" and refused.value.retry_after_s == 2.0
    with pytest.raises(RuntimeError, match="sooner"):
        documents_of([good, RuntimeError("sooner"), problem])


def test_workers_say_together_where_sessions_went(two_workers, world, tmp_path):
    async def left(app, id):
        moves = app.service.moves
        going = await moves.depart(id, "another")
        await moves.departed(id, going["hop"], True)

    async def run():
        async with two_workers(journal=lambda number: SqliteJournal(tmp_path / f"{number}.db")) as apps:
            doors = [
                httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://test")
                for app in apps
            ]
            items = {"items": [{"env_id": world("Counter"), "count": 6}]}
            made = (await doors[0].post("/v1/sessions", json=items)).json()["sessions"]
            ids = [session["id"] for session in made]
            held = [[id for id in ids if id.startswith(f"{number}-")] for number in range(2)]
            gone = [held[1][0], held[0][0], held[1][1]]
            for id in gone:
                await left(apps[int(id[0])], id)
            for door in doors:
                told = (await door.post("/v1/heartbeat", json={"ids": ids})).json()
                assert told["elsewhere"] == dict.fromkeys(gone, "another")
                assert told["alive"] == [id for id in ids if id not in gone]
            told = (await doors[0].post("/v1/close", json={"ids": ids[::-1]})).json()
            assert told["elsewhere"] == dict.fromkeys(gone, "another")
            assert told["closed"] == [id for id in ids[::-1] if id not in gone]
            for door in doors:
                await door.aclose()

    asyncio.run(run())
