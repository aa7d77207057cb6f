"""Sessions outlive their server.

1. After SIGKILL in the middle of 500 live episodes all continue; every reply equals the
   uninterrupted run; a step that was answered before the kill is answered with the same bytes.
2. create and fork are done once across a restart.
3. Calls that arrive while a session is rebuilt wait for it.
4. A request is recorded whole or not at all; requests that wait together share a commit.
"""

from __future__ import annotations

import asyncio

import httpx

from turnwise.envs.registry import load_class
from turnwise.servers.client import ServerProcess, SessionClient, connect
from turnwise.servers.client.transports.local import LocalTransport
from turnwise.servers.protocol.types import CreateItem, ForkItem, ResetItem, StepItem
from turnwise.servers.sessions.journal.format import open_reader
from turnwise.servers.sessions.journal.sqlite import SqliteJournal


def test_500_episodes_survive_sigkill(world, tmp_path):
    arguments = ["--env", world("Counter"), "--journal", str(tmp_path / "journal.db")]
    num, length = 500, 6
    with ServerProcess(arguments) as server:

        async def play() -> tuple[list, bytes, bytes]:
            client = connect(server.url)
            item = CreateItem(world("Counter"), {"length": length}, seed=0, count=num)
            rows = await client.create([item], request_id="all")
            ids, seen = [row.id for row in rows], [[row.observation] for row in rows]
            before = after = b""
            for turn in range(length):
                steps = [StepItem(id, 0, turn, f"go {i}") for i, id in enumerate(ids)]
                replies = await client.step(steps)
                for place, reply in enumerate(replies):
                    seen[place].append(reply.observation)
                if turn == 2:
                    body = {"episode": 0, "turn": 2, "action": "go 7"}
                    path = f"{server.url}/v1/sessions/{ids[7]}/step"
                    before = httpx.post(path, json=body).content
                    server.kill()
                    server.start()
                    path = f"{server.url}/v1/sessions/{ids[7]}/step"
                    after = httpx.post(path, json=body).content
                    await client.aclose()
                    client = connect(server.url)
                    assert [row.id for row in await client.create([item], request_id="all")] == ids
            await client.aclose()
            return seen, before, after

        seen, before, after = asyncio.run(play())
    assert before == after
    assert seen == asyncio.run(uninterrupted(world("Counter"), num, length))


async def uninterrupted(env_id: str, num: int, length: int) -> list:
    client = connect("local:")
    rows = await client.create([CreateItem(env_id, {"length": length}, seed=0, count=num)], request_id="all")
    seen = [[row.observation] for row in rows]
    for turn in range(length):
        replies = await client.step([StepItem(row.id, 0, turn, f"go {i}") for i, row in enumerate(rows)])
        for place, reply in enumerate(replies):
            seen[place].append(reply.observation)
    await client.aclose()
    return seen


def test_a_restart_keeps_everything(make_service, world, tmp_path):
    file = tmp_path / "journal.db"

    async def first() -> list:
        client = SessionClient(LocalTransport(service := make_service(journal=SqliteJournal(file))))
        (one, two, three) = await client.create(
            [CreateItem(world(name), seed=2) for name in ("Counter", "Fragile", "Counter")], request_id="a"
        )
        await client.step([StepItem(one.id, 0, 0, "go")])
        children = await client.fork([ForkItem(one.id, 2, reseed=9)], request_id="b")
        more = await client.step([StepItem(child.id, 0, 1, "go") for child in children])
        crashed = await client.step([StepItem(two.id, 0, 0, "raise")])
        moved = await client.reset([ResetItem(one.id, 1, seed=5, options={"expert": True})])
        await client.close([three.id])
        await service.commit()
        service.journal._db.close()  # as if the process had died here
        import os

        os.close(service.journal._lock)
        return [one, two, three, *more, *crashed, *moved]

    async def second(rows: list) -> None:
        one, two, three, child1, child2, crashed, moved = rows
        client = SessionClient(LocalTransport(service := make_service(journal=SqliteJournal(file))))
        assert sorted(service.sessions) == sorted([one.id, two.id, child1.id, child2.id])
        again = await client.step(
            [
                StepItem(child1.id, 0, 1, "go"),
                StepItem(child2.id, 0, 1, "go"),
                StepItem(two.id, 0, 0, "raise"),
                StepItem(one.id, 1, 0, "go"),
            ]
        )
        assert again[:3] == [child1, child2, crashed]
        assert child1.observation != child2.observation
        assert (await client.reset([ResetItem(one.id, 1, seed=5, options={"expert": True})])) == [moved]
        assert again[3].turn == 1
        (gone,) = await client.step([StepItem(three.id, 0, 0, "go")])
        assert gone.code == "unknown_session"
        (fresh,) = await client.reset([ResetItem(two.id, 1)])
        assert fresh.end is None
        forked = await client.fork([ForkItem(one.id, 2, reseed=9)], request_id="c")
        assert {row.turn for row in forked} == {1}
        await service.aclose()

    asyncio.run(second(asyncio.run(first())))


def test_calls_that_arrive_during_a_replay_wait_for_its_end(make_service, world, tmp_path):
    file = tmp_path / "journal.db"
    env_id = world("Sleepy")

    async def record() -> tuple[str, list]:
        client = SessionClient(
            LocalTransport(service := make_service({"*": "thread"}, journal=SqliteJournal(file)))
        )
        (row,) = await client.create([CreateItem(env_id)], request_id="a")
        rows = [(await client.step([StepItem(row.id, 0, turn, "sleep 0.05")]))[0] for turn in range(4)]
        await service.aclose()
        return row.id, rows

    async def come_back(id: str, rows: list) -> None:
        client = SessionClient(
            LocalTransport(service := make_service({"*": "thread"}, journal=SqliteJournal(file)))
        )
        tasks = []
        for _ in range(12):
            tasks.append(asyncio.create_task(client.step([StepItem(id, 0, 3, "sleep 0.05")])))
            tasks.append(asyncio.create_task(client.step([StepItem(id, 0, 1, "sleep 0.05")])))
            await asyncio.sleep(0.02)
        for place, task in enumerate(tasks):
            (answer,) = await task
            if place % 2 == 0:
                assert answer == rows[3]
            else:
                assert answer.expected == {"episode": 0, "turn": 4, "reset": 1}
        await service.aclose()

    asyncio.run(come_back(*asyncio.run(record())))


def test_requests_that_wait_together_share_a_commit(make_service, talk, world, tmp_path, monkeypatch):
    journal = SqliteJournal(tmp_path / "journal.db")
    commits = []
    write = journal._write
    monkeypatch.setattr(journal, "_write", lambda rows: (commits.append(len(rows)), write(rows)))

    async def conversation(http: httpx.AsyncClient) -> None:
        created = await http.post("/v1/sessions", json={"env_id": world("Counter"), "count": 8})
        ids = [row["id"] for row in created.json()["sessions"]]
        commits.clear()
        body = {"episode": 0, "turn": 0, "action": "go"}
        await asyncio.gather(*[http.post(f"/v1/sessions/{id}/step", json=body) for id in ids])
        assert sum(commits) == 8
        assert len(commits) < 8
        commits.clear()
        await http.post("/v1/step", json={"items": [{"id": id, **body, "turn": 1} for id in ids]})
        assert commits == [8]

    talk(make_service(journal=journal), conversation)


def test_a_request_is_recorded_whole_or_not_at_all(make_service, world, tmp_path):
    """While sessions of one request are made others commit; killed then, the server leaves none of them."""
    file = tmp_path / "journal.db"
    gate = load_class(world("Gated")).gate
    gate.clear()
    service = make_service({world("Gated"): "thread"}, journal=SqliteJournal(file))

    def recorded_ids() -> set[str]:
        with open_reader(file) as db:
            ids = {row[0] for row in db.execute("SELECT id FROM sessions")}
        db.close()
        return ids

    async def run() -> None:
        client = SessionClient(LocalTransport(service))
        (root,) = await client.create([CreateItem(world("Gated"))], request_id="root")
        held = [CreateItem(world("Counter")), CreateItem(world("Gated"), options={"hold": True})]
        creating = asyncio.create_task(client.create(held, request_id="a"))
        await asyncio.sleep(0.1)
        (other,) = await client.create([CreateItem(world("Counter"))], request_id="other")
        await client.step([StepItem(other.id, 0, 0, "go")])
        assert not creating.done()
        assert recorded_ids() == {root.id, other.id}
        gate.set()
        rows = await creating
        assert recorded_ids() == {root.id, other.id, *[row.id for row in rows]}
        await service.aclose()

    asyncio.run(run())
