"""Several workers behind one address, as real processes.

1. Every call works whichever worker takes the connection, and answers as one worker would.
2. Creates and forks are done once for a request_id, wherever it arrives, and spread evenly.
3. The quota is that of the server, not of a worker, and so is the rate.
4. Health, metrics, environments, the page, the OpenEnv socket and ours work at each.
5. SIGTERM ends all of them with 0; a setting that cannot be served ends with 2.
"""

from __future__ import annotations

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect as open_socket

from turnwise.errors import ServerUnreachable
from turnwise.servers.client import ServerProcess, connect
from turnwise.servers.protocol.types import CreateItem, ForkItem, Reply, ResetItem, StepItem

WORLDS = Path(__file__).parents[1] / "worlds.py"
COUNTER, WAITING = f"{WORLDS}:Counter", f"{WORLDS}:Waiting"
ANN, BOB = "secret-of-ann-long-enough", "secret-of-bob-long-enough"
NUM = 3


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    keys = tmp_path_factory.mktemp("keys") / "keys"
    keys.write_text(f"ann {ANN}\nbob {BOB}\n")
    arguments = ["--env", COUNTER, "--env", WAITING, "--key-file", str(keys), "--workers", str(NUM)]
    with ServerProcess([*arguments, "--max-sessions-per-key", "300"]) as server:
        yield server


@pytest.fixture
def doors(server):
    """Return one client for each worker: connections of which every worker has accepted one."""
    clients: dict[str, httpx.Client] = {}
    while len(clients) < NUM:
        http = httpx.Client(base_url=server.url, headers={"authorization": f"Bearer {ANN}"}, timeout=60)
        worker = _accepted_by(http)
        if worker in clients:
            http.close()
        else:
            clients[worker] = http
    yield [clients[worker] for worker in sorted(clients)]
    for http in clients.values():
        http.close()


def _accepted_by(http: httpx.Client) -> str:
    """Tell which worker a connection has reached: a create without request_id stays there."""
    id = http.post("/v1/sessions", json={"env_id": COUNTER}).json()["sessions"][0]["id"]
    http.delete(f"/v1/sessions/{id}")
    return str(id.partition("-")[0])


def plain(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{key: value for key, value in row.items() if key not in ("id", "incarnation")} for row in rows]


def test_every_call_at_every_door(doors):
    made = doors[0].post("/v1/sessions", json={"env_id": COUNTER, "seed": 5, "count": 2 * NUM}).json()
    ids = [row["id"] for row in made["sessions"]]
    assert sorted(id.partition("-")[0] for id in ids) == sorted(2 * [str(k) for k in range(NUM)])
    assert [row["seed"] for row in made["sessions"]] == list(range(5, 5 + 2 * NUM)), "in order"
    for id in ids:
        replies = [door.post(f"/v1/sessions/{id}/step", json=_step(0)) for door in doors]
        assert {reply.content for reply in replies} == {replies[0].content}, "answered once, byte for byte"
        assert replies[0].json()["turn"] == 1
        assert {door.get(f"/v1/sessions/{id}").content for door in doors} == {
            doors[0].get(f"/v1/sessions/{id}").content
        }
        assert {door.get(f"/v1/sessions/{id}?turn=0").content for door in doors} == {replies[0].content}
        assert len({door.get(f"/v1/sessions/{id}/journal").content for door in doors}) == 1
        wrong = [door.post(f"/v1/sessions/{id}/step", json=_step(7)) for door in doors]
        assert {answer.status_code for answer in wrong} == {409}
        assert {answer.json()["code"] for answer in wrong} == {"wrong_turn"}
        again = [door.post(f"/v1/sessions/{id}/reset", json={"episode": 1}).content for door in doors]
        assert len(set(again)) == 1
    for number, door in enumerate(doors):
        batch = {"items": [{"id": id, "episode": 1, "turn": number, "action": "go"} for id in ids]}
        rows = door.post("/v1/step", json=batch).json()["items"]
        assert [(row["id"], row["turn"]) for row in rows] == [(id, number + 1) for id in ids]
        lines = door.post("/v1/step", json=batch, headers={"accept": "application/x-ndjson"}).text
        assert sorted(lines.splitlines()) == sorted(json.dumps(row, separators=(",", ":")) for row in rows)
        assert door.post("/v1/heartbeat", json={"ids": [*ids, "9-none"]}).json()["alive"] == ids
        listed = door.get("/v1/sessions").json()["sessions"]
        assert {row["id"] for row in listed} >= set(ids)
    reset = doors[1].post("/v1/reset", json={"items": [{"id": id, "episode": 2} for id in ids]}).json()
    assert [(row["id"], row["episode"]) for row in reset["items"]] == [(id, 2) for id in ids]
    assert doors[2].post("/v1/close", json={"ids": [*ids[1:], "nobody"]}).json() == {"closed": ids[1:]}
    assert doors[1].delete(f"/v1/sessions/{ids[0]}").json() == {"closed": [ids[0]]}
    assert {door.get(f"/v1/sessions/{ids[0]}").status_code for door in doors} == {404}


def test_sessions_of_another_key_and_ids_that_never_were(doors, server):
    id = doors[0].post("/v1/sessions", json={"env_id": COUNTER}).json()["sessions"][0]["id"]
    worker = id.partition("-")[0]
    strange = ["0-", "1-0000", "-1-0", "00-ab", "99999999999999999999-x", "\u0661-x", f"{NUM}-ab", "1", ""]
    for door in doors:
        told = door.get(f"/v1/sessions/{id}", headers={"authorization": f"Bearer {BOB}"})
        never = door.get(
            f"/v1/sessions/{worker}-0000000000000000", headers={"authorization": f"Bearer {BOB}"}
        )
        assert told.status_code == never.status_code == 404
        assert told.json()["detail"].replace(id, "X") == never.json()["detail"].replace(
            f"{worker}-0000000000000000", "X"
        )
        batch = {"items": [{"id": id, **_step(0)} for id in strange]}
        answer = door.post("/v1/step", json=batch)
        assert answer.status_code == 404
        assert {row["code"] for row in answer.json()["items"]} == {"unknown_session"}
    doors[0].delete(f"/v1/sessions/{id}")


def test_requests_are_done_once_wherever_they_arrive(doors):
    for count in (1, 2, NUM + 1, 20):
        body = {"env_id": COUNTER, "seed": 1, "count": count, "group": True, "request_id": f"create {count}"}
        made = [door.post("/v1/sessions", json=body).content for door in doors for _ in range(2)]
        assert len(set(made)) == 1
        rows = json.loads(made[0])["sessions"]
        assert len(rows) == len({row["id"] for row in rows}) == count
        assert all(row == plain(rows)[0] for row in plain(rows)), "a group plays one task"
        shares = [sum(row["id"].startswith(f"{k}-") for row in rows) for k in range(NUM)]
        assert max(shares) - min(shares) <= 1
    other = doors[1].post("/v1/sessions", json={**body, "seed": 2})
    assert (other.status_code, other.json()["code"]) == (409, "request_id_reused")
    items = [{"id": row["id"], "count": 2} for row in rows[:5]] + [{"id": "nobody"}]
    forks = [door.post("/v1/fork", json={"items": items, "request_id": "fork"}).content for door in doors]
    assert len(set(forks)) == 1
    copies = json.loads(forks[0])["sessions"]
    assert [copy["id"].partition("-")[0] for copy in copies[:-1]] == [
        row["id"].partition("-")[0] for row in rows[:5] for _ in range(2)
    ], "a copy is where its parent is"
    assert copies[-1]["code"] == "unknown_session"
    assert all(copy == plain(rows)[0] for copy in plain(copies[:-1]))
    _close_all(doors[0])


def test_the_quota_is_that_of_the_server(doors):
    made = doors[0].post("/v1/sessions", json={"env_id": COUNTER, "count": 299}).json()["sessions"]
    for door in doors:
        refused = door.post("/v1/sessions", json={"env_id": COUNTER, "count": 2})
        assert (refused.status_code, refused.json()["code"]) == (429, "capacity")
        assert "299 of 300 of this key" in refused.json()["detail"]
        assert refused.headers["retry-after"] == "1"
    last = doors[1].post("/v1/sessions", json={"env_id": COUNTER}).json()["sessions"][0]["id"]
    with ThreadPoolExecutor(1) as pool:
        wish = {"env_id": COUNTER, "request_id": "waits"}
        waits = pool.submit(doors[2].post, "/v1/sessions", json=wish, headers={"prefer": "wait=50"})
        doors[0].post("/v1/close", json={"ids": [row["id"] for row in made[:5]]})
        assert waits.result().status_code == 200, "a worker sees the room that others make"
    assert last
    _close_all(doors[0])
    assert doors[1].get("/v1/sessions").json() == {"sessions": []}


def test_pages_and_numbers(doors):
    made = doors[0].post("/v1/sessions", json={"env_id": COUNTER, "count": NUM}).json()["sessions"]
    for door in doors:
        health = door.get("/health")
        assert health.status_code == 200
        assert [row["worker"] for row in health.json()["workers"]] == list(range(NUM))
        assert {row["status"] for row in health.json()["workers"]} == {"ok"}
        assert health.json()["sessions"] == NUM
        assert len({row["pid"] for row in health.json()["workers"]}) == NUM
        metrics = door.get("/metrics").text
        assert f'turnwise_sessions_open{{env="{COUNTER}"}} {NUM}\n' in metrics
        assert [env["id"] for env in door.get("/v1/envs").json()["envs"]] == [COUNTER, WAITING]
        assert "<html" in door.get("/").text
    for row in made:
        doors[0].post(f"/v1/sessions/{row['id']}/step", json=_step(0))
    counts = {
        _number(door.get("/metrics").text, f'turnwise_step_seconds_count{{env="{COUNTER}"}}')
        for door in doors
    }
    assert len(counts) == 1, "each worker gives the numbers of all"
    _close_all(doors[0])


def test_the_sockets(server):
    async def run() -> None:
        url = server.url.replace("http", "ws")
        headers = {"authorization": f"Bearer {ANN}"}
        for _ in range(2 * NUM):
            async with open_socket(f"{url}/v1/ws", additional_headers=headers) as socket:
                made = await _ask(socket, "create", {"env_id": COUNTER, "count": NUM})
                ids = [row["id"] for row in made["sessions"]]
                steps = await _ask(socket, "steps", {"items": [{"id": id, **_step(0)} for id in ids]})
                assert [row["turn"] for row in steps["items"]] == [1] * NUM
                for id in ids:
                    assert (await _ask(socket, "step", {"id": id, **_step(1)}))["turn"] == 2
                listed = await _ask(socket, "sessions", {})
                assert {row["id"] for row in listed["sessions"]} >= set(ids)
                assert set((await _ask(socket, "close", {"ids": ids}))["closed"]) == set(ids)
            async with open_socket(f"{url}/openenv/{COUNTER}/ws", additional_headers=headers) as socket:
                await socket.send('{"type": "reset", "data": {"seed": 1}}')
                assert json.loads(await socket.recv())["data"]["observation"]["text"].startswith("start")
                await socket.send('{"type": "step", "data": {"action": "stop"}}')
                assert json.loads(await socket.recv())["data"]["done"] is True

    asyncio.run(run())


def test_the_same_replies_as_from_one_process(server):
    async def play(client: Any) -> list[Any]:
        items = [CreateItem(COUNTER, seed=3, count=5), CreateItem(WAITING, seed=9, count=4, group=True)]
        rows = await client.create(items, request_id="same")
        seen = list(rows)
        for turn in range(3):
            rows = await client.step([StepItem(row.id, 0, turn, f"go {turn}") for row in rows])
            seen += rows
        forks = await client.fork([ForkItem(row.id, 2, reseed=4) for row in rows], request_id="f")
        seen += forks
        seen += await client.reset([ResetItem(row.id, 1) for row in forks])
        seen += await client.step([StepItem(row.id, 0, 2, "another") for row in rows])
        await client.close([row.id for row in (*rows, *forks)])
        await client.aclose()
        return [
            (row.turn, row.observation, row.info, row.seed)
            if isinstance(row, Reply)
            else (row.status, row.expected)
            for row in seen
        ]

    assert asyncio.run(play(connect(server.url, ANN))) == asyncio.run(play(connect("local:")))


def test_it_starts_and_stops_as_one(tmp_path, world):
    with ServerProcess(["--env", world("Counter"), "--workers", "2", "--max-rate", "0.001"]) as server:
        statuses = []
        for _ in range(4):
            with httpx.Client(base_url=server.url) as http:
                statuses.append(http.get("/v1/sessions").status_code)
        assert statuses == [200, 429, 429, 429], "the rate is that of the server"
        assert server.stop() == 0
    with pytest.raises(ServerUnreachable, match=r"ended with 2:(.|\n)*unknown environment 'no/such-v0'"):
        ServerProcess(["--env", "no/such-v0", "--workers", "2"]).start()
    with pytest.raises(ServerUnreachable, match=r"ended with 2:(.|\n)*workers must be from 1 to 64, got 0"):
        ServerProcess(["--workers", "0"]).start()


def _step(turn: int) -> dict[str, Any]:
    return {"episode": 0, "turn": turn, "action": "go"}


def _close_all(http: httpx.Client) -> None:
    ids = [row["id"] for row in http.get("/v1/sessions").json()["sessions"]]
    http.post("/v1/close", json={"ids": ids})


def _number(metrics: str, name: str) -> float:
    (line,) = [line for line in metrics.splitlines() if line.startswith(name + " ")]
    return float(line.rpartition(" ")[2])


async def _ask(socket: Any, call: str, body: dict[str, Any]) -> dict[str, Any]:
    await socket.send(json.dumps({"request": 1, "call": call, "body": body}))
    answer = json.loads(await socket.recv())
    assert answer["status"] == 200, answer
    document: dict[str, Any] = answer["body"]
    return document
