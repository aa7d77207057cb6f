"""The rules of an episode over HTTP.

1. create answers with sessions at episode 0, turn 0; a step names episode and turn and gives turn+1.
2. The same turn with the same action gets the same bytes; with another action, or any other turn: 409.
3. A reset names its episode; repeated, also after steps, it gets the same bytes and wipes nothing.
4. create is done once for each request_id; another body under the same id is refused.
5. group gives all the same task; otherwise the i-th gets seed+i.
6. Batches answer in order, each item on its own; NDJSON comes in order of completion.
7. An environment that breaks the contract ends its session with end "error"; others are unharmed.
8. A repeated step joins one that runs; a client that waits too short gets 202 and polls.
"""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any

import httpx
import pytest

from turnwise.servers.protocol.types import Reply


async def created(http: httpx.AsyncClient, env_id: str, **more: Any) -> dict[str, Any]:
    answer = await http.post("/v1/sessions", json={"env_id": env_id, "seed": 7, **more})
    assert answer.status_code == 200, answer.text
    return answer.json()["sessions"][0]


async def step(http: httpx.AsyncClient, id: str, turn: int, action: str, episode: int = 0) -> httpx.Response:
    return await http.post(
        f"/v1/sessions/{id}/step", json={"episode": episode, "turn": turn, "action": action}
    )


def test_a_whole_episode(make_service, talk, world):
    async def conversation(http):
        first = await created(http, world("Counter"))
        assert (first["episode"], first["turn"], first["end"]) == (0, 0, None)
        assert first["observation"].startswith("start ")
        assert first["info"]["state_key"] == first["observation"]
        one = (await step(http, first["id"], 0, "go")).json()
        assert list(first) == list(one) == list(Reply.__slots__), "encoded by the fields it is decoded by"
        assert (one["turn"], one["terminated"], one["end"]) == (1, False, None)
        two = (await step(http, first["id"], 1, "stop")).json()
        assert (two["turn"], two["terminated"], two["end"], two["reward"]) == (2, True, "terminated", 1.0)
        assert two["incarnation"] == first["incarnation"]
        after = await step(http, first["id"], 2, "go")
        assert after.status_code == 409
        assert after.headers["content-type"] == "application/problem+json"
        assert after.json()["code"] == "episode_finished"
        assert after.json()["expected"] == {"reset": 1}
        assert (await http.delete(f"/v1/sessions/{first['id']}")).status_code == 200
        assert (await step(http, first["id"], 1, "stop")).status_code == 404

    talk(make_service(), conversation)


def test_truncation_is_a_horizon(make_service, talk, world):
    async def conversation(http):
        first = await created(http, world("Counter"), kwargs={"length": 1})
        reply = (await step(http, first["id"], 0, "go")).json()
        assert (reply["terminated"], reply["truncated"], reply["end"]) == (False, True, "horizon")

    talk(make_service(), conversation)


def test_a_repeated_step_gets_the_same_bytes_and_a_wrong_one_409(make_service, talk, world):
    async def conversation(http):
        id = (await created(http, world("Counter")))["id"]
        first = await step(http, id, 0, "go")
        assert (await step(http, id, 0, "go")).content == first.content
        for turn, action, episode in [(0, "stop", 0), (2, "go", 0), (1, "go", 1), (0, "go", 1)]:
            refused = await step(http, id, turn, action, episode)
            assert refused.status_code == 409, (turn, action, episode)
            assert refused.json()["expected"] == {"episode": 0, "turn": 1, "reset": 1}
        second = (await step(http, id, 1, "go")).json()
        assert second["observation"].startswith("turn 2 go")

    talk(make_service(), conversation)


def test_a_delayed_duplicate_of_a_reset_wipes_nothing(make_service, talk, world):
    async def conversation(http):
        id = (await created(http, world("Counter")))["id"]
        await step(http, id, 0, "go")
        body = {"items": [{"id": id, "episode": 1, "seed": 3}]}
        reset = await http.post("/v1/reset", json=body)
        assert reset.json()["items"][0]["episode"] == 1
        assert reset.json()["items"][0]["turn"] == 0
        await step(http, id, 0, "go", episode=1)
        assert (await http.post("/v1/reset", json=body)).content == reset.content
        assert (await step(http, id, 1, "go", episode=1)).json()["turn"] == 2
        other = await http.post("/v1/reset", json={"items": [{"id": id, "episode": 1, "seed": 4}]})
        assert other.status_code == 409
        early = await http.post("/v1/reset", json={"items": [{"id": id, "episode": 3}]})
        assert early.json()["expected"]["reset"] == 2

    talk(make_service(), conversation)


def test_a_reset_without_a_seed_is_the_same_in_every_session(make_service, talk, world):
    async def conversation(http):
        replies = []
        for _ in range(2):
            id = (await created(http, world("Counter")))["id"]
            answer = await http.post(f"/v1/sessions/{id}/reset", json={"episode": 1})
            replies.append((answer.json()["observation"], answer.json()["seed"]))
        assert replies[0] == replies[1]

    talk(make_service(), conversation)


def test_create_is_done_once_for_each_request_id(make_service, talk, world):
    service = make_service()

    async def conversation(http):
        body = {"env_id": world("Counter"), "seed": 1, "count": 2, "request_id": "r1"}
        answers = await asyncio.gather(*[http.post("/v1/sessions", json=body) for _ in range(5)])
        assert len({answer.content for answer in answers}) == 1
        assert len(service.sessions) == 2
        other = await http.post("/v1/sessions", json={**body, "seed": 2})
        assert (other.status_code, other.json()["code"]) == (409, "request_id_reused")
        await http.post("/v1/sessions", json={**body, "request_id": "r2"})
        assert len(service.sessions) == 4

    talk(service, conversation)


def test_groups_share_the_task(make_service, talk, world):
    async def conversation(http):
        items = [
            {"env_id": world("Counter"), "seed": 5, "count": 3, "group": group} for group in (True, False)
        ]
        answer = await http.post("/v1/sessions", json={"items": items})
        rows = answer.json()["sessions"]
        assert [row["seed"] for row in rows] == [5, 5, 5, 5, 6, 7]
        assert len({row["observation"] for row in rows[:3]}) == 1
        assert len({row["observation"] for row in rows[3:]}) == 3
        assert len({row["id"] for row in rows}) == 6

    talk(make_service(), conversation)


def test_each_item_of_a_batch_stands_alone(make_service, talk, world):
    async def conversation(http):
        id = (await created(http, world("Counter")))["id"]
        items = [
            {"id": id, "episode": 0, "turn": 0, "action": "go"},
            {"id": "nobody", "episode": 0, "turn": 0, "action": "go"},
            {"id": id, "episode": 0, "turn": 1, "action": "go"},
        ]
        answer = await http.post("/v1/step", json={"items": items})
        assert answer.status_code == 200
        one, two, three = answer.json()["items"]
        assert (one["turn"], two["code"], three["turn"]) == (1, "unknown_session", 2)
        alone = await http.post("/v1/step", json={"items": items[1:2]})
        assert alone.status_code == 404
        assert alone.json()["items"][0]["code"] == "unknown_session"

    talk(make_service(), conversation)


def test_a_stream_comes_in_order_of_completion(make_service, talk, world):
    async def conversation(http):
        slow = (await created(http, world("Waiting")))["id"]
        fast = (await created(http, world("Counter")))["id"]
        items = [{"id": id, "episode": 0, "turn": 0, "action": "go"} for id in (slow, fast)]
        answer = await http.post(
            "/v1/step", json={"items": items}, headers={"accept": "application/x-ndjson"}
        )
        assert answer.headers["content-type"] == "application/x-ndjson"
        assert [json.loads(line)["id"] for line in answer.text.splitlines()] == [fast, slow]

    talk(make_service(), conversation)


@pytest.mark.parametrize(
    "action", ["raise", "exit", "nan", "surrogate", "number", "pair", "object", "tier", "flood"]
)
def test_a_broken_environment_ends_its_session_alone(make_service, talk, world, action, caplog):
    async def conversation(http):
        broken = (await created(http, world("Fragile")))["id"]
        other = (await created(http, world("Fragile")))["id"]
        with caplog.at_level(logging.ERROR, "turnwise.servers"):
            reply = (await step(http, broken, 0, action)).json()
        assert (reply["end"], reply["truncated"], reply["reward"]) == ("error", True, 0.0)
        assert reply["info"]["error"]
        assert any(record.exc_info for record in caplog.records)
        assert (await step(http, broken, 0, action)).json() == reply
        assert (await step(http, other, 0, "go")).json()["turn"] == 1
        again = await http.post(f"/v1/sessions/{broken}/reset", json={"episode": 1})
        assert again.json()["observation"].startswith("start ")
        assert (await step(http, broken, 0, "go", episode=1)).json()["end"] is None

    talk(make_service(), conversation)


def test_a_reset_that_raises_ends_its_episode(make_service, talk, world):
    async def conversation(http):
        id = (await created(http, world("Fragile")))["id"]
        reply = (
            await http.post(f"/v1/sessions/{id}/reset", json={"episode": 1, "options": {"raise": True}})
        ).json()
        assert (reply["episode"], reply["turn"], reply["end"]) == (1, 0, "error")
        assert (await step(http, id, 0, "go", episode=1)).json()["code"] == "episode_finished"
        fine = await http.post(f"/v1/sessions/{id}/reset", json={"episode": 2})
        assert fine.json()["end"] is None
        failed = await http.post("/v1/sessions", json={"env_id": world("Fragile"), "options": {"raise": 1}})
        assert (failed.status_code, failed.json()["code"]) == (422, "environment_failed")

    talk(make_service(), conversation)


def test_a_repeated_step_joins_the_one_that_runs(make_service, talk, world):
    from turnwise.envs.registry import load_class

    gate = load_class(world("Gated")).gate
    gate.clear()

    async def conversation(http):
        id = (await created(http, world("Gated")))["id"]
        body = {"episode": 0, "turn": 0, "action": "hold"}
        early = await http.post(f"/v1/sessions/{id}/step", json=body, headers={"prefer": "wait=0.01"})
        assert early.status_code == 202
        poll = early.json()["poll"]
        assert (await http.get(poll)).status_code == 202
        busy = await step(http, id, 1, "go")
        assert (busy.status_code, busy.json()["code"]) == (409, "busy")
        batch = await http.post(
            "/v1/step", json={"items": [{"id": id, **body}]}, headers={"prefer": "wait=0.01"}
        )
        assert batch.json()["items"][0]["code"] == "running"
        joined = [asyncio.create_task(step(http, id, 0, "hold")) for _ in range(3)]
        await asyncio.sleep(0.01)
        gate.set()
        replies = await asyncio.gather(*joined)
        assert len({reply.content for reply in replies}) == 1
        assert replies[0].json()["observation"].startswith("turn 1 hold")
        assert (await http.get(poll)).content == replies[0].content
        assert (await http.get(poll[:-1] + "5")).status_code == 409

    talk(make_service({"*": "thread"}), conversation)


def test_fields_leave_out_long_parts(make_service, talk, world):
    async def conversation(http):
        id = (await created(http, world("Counter")))["id"]
        body = {"episode": 0, "turn": 0, "action": "go"}
        without = await http.post(f"/v1/sessions/{id}/step?fields=-admissible", json=body)
        assert sorted(without.json()["info"]) == ["private", "state_key", "won"]
        only = await http.post(f"/v1/sessions/{id}/step?fields=won,state_key", json=body)
        assert sorted(only.json()["info"]) == ["state_key", "won"]
        wanted = "?fields=task,won"
        body = {
            "items": [{"env_id": world("Counter"), "count": 2}, {"env_id": "no/such-v0"}],
            "request_id": "r",
        }
        made = (await http.post(f"/v1/sessions{wanted}", json=body)).json()["sessions"]
        assert [sorted(row["info"]) for row in made[:2]] == [["task"]] * 2
        assert made[2]["code"] == "unknown_environment"
        again = (await http.post("/v1/sessions", json=body)).json()["sessions"]
        assert sorted(again[0]["info"]) == ["admissible", "state_key", "task"], "what is stored is whole"
        forked = (await http.post(f"/v1/fork{wanted}", json={"items": [{"id": id}]})).json()["sessions"]
        assert sorted(forked[0]["info"]) == ["won"]
        assert sorted((await http.get(f"/v1/sessions/{id}{wanted}")).json()["last"]["info"]) == ["won"]
        last = (await http.get(f"/v1/sessions/{id}")).json()["last"]
        assert last["info"]["admissible"] == ["go", "stop"], "sorted, whatever order the environment has"
        assert sorted((await http.get(f"/v1/sessions/{id}{wanted}&turn=0")).json()["info"]) == ["won"]

    talk(make_service(), conversation)


def test_the_session_tells_where_it_stands(make_service, talk, world):
    async def conversation(http):
        id = (await created(http, world("Counter")))["id"]
        reply = (await step(http, id, 0, "go")).json()
        told = (await http.get(f"/v1/sessions/{id}")).json()
        assert told["last"] == reply
        assert told["expected"] == {"episode": 0, "turn": 1, "reset": 1}
        journal = (await http.get(f"/v1/sessions/{id}/journal")).json()
        assert [entry["action"] for entry in journal["entries"]] == ["go"]
        assert (await http.post("/v1/heartbeat", json={"ids": [id, "x"]})).json()["alive"] == [id]
        assert (await http.post("/v1/close", json={"ids": [id, "x"]})).json()["closed"] == [id]

    talk(make_service(), conversation)


def test_health_metrics_envs_and_docs(make_service, talk, world):
    async def conversation(http):
        id = (await created(http, world("Counter")))["id"]
        await step(http, id, 0, "stop")
        health = await http.get("/health")
        assert (health.status_code, health.json()["status"]) == (200, "ok")
        text = (await http.get("/metrics")).text
        env = f'env="{world("Counter")}"'
        assert f"turnwise_sessions_open{{{env}}} 1\n" in text
        assert f"turnwise_sessions_created_total{{{env}}} 1\n" in text
        assert f'turnwise_episodes_total{{{env},end="terminated"}} 1\n' in text
        assert f"turnwise_step_seconds_count{{{env}}} 1\n" in text
        rows = (await http.get("/v1/envs")).json()["envs"]
        assert {row["id"] for row in rows} >= {world("Counter")}
        assert all(len(row["fingerprint"]) == 16 for row in rows)
        paths = (await http.get("/openapi.json")).json()["paths"]
        assert {"/v1/sessions", "/v1/step", "/v1/sessions/{id}/step", "/v1/fork"} <= set(paths)
        missing = await http.get("/v1/nothing")
        assert (missing.status_code, missing.json()["code"]) == (404, "unknown_path")

    talk(make_service(), conversation)


def test_the_openapi_document_tells_what_is_answered(make_service, talk, world):
    async def conversation(http):
        paths = (await http.get("/openapi.json")).json()["paths"]
        for path, operations in paths.items():
            for operation in operations.values():
                assert "422" not in operation["responses"], f"{path}: no answer of ours has FastAPI's form"
                problem = operation["responses"]["default"]["content"]["application/problem+json"]["schema"]
                assert {"code", "detail", "given", "expected", "todo"} <= set(problem["properties"])
        reply = await created(http, world("Counter"))
        refused = (await step(http, reply["id"], 7, "go")).json()
        assert set(refused) <= set(problem["properties"])
        assert set(problem["required"]) <= set(refused)
        told = paths["/v1/sessions/{id}/step"]["post"]["responses"]["200"]["content"]["application/json"]
        assert set(told["schema"]["properties"]) == set(told["schema"]["required"]) == set(reply)
        told = paths["/v1/step"]["post"]["responses"]["200"]["content"]["application/json"]["schema"]
        assert set(told["properties"]["items"]["items"]["anyOf"][0]["properties"]) == set(reply)
        known = {row["name"] for row in paths["/v1/sessions/{id}"]["get"]["parameters"]}
        assert known == {"id", "turn", "fields", "prefer"}
        assert "text/plain" in paths["/metrics"]["get"]["responses"]["200"]["content"]

    talk(make_service(), conversation)
