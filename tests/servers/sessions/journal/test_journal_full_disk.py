"""Nothing is answered before it is written.

With a full disk the reply is withheld, and the same request is answered once when there is room again.
"""

from __future__ import annotations

import httpx
import pytest

from turnwise.servers.sessions.journal.format import open_reader
from turnwise.servers.sessions.journal.sqlite import SqliteJournal


@pytest.mark.parametrize("synchronous", ["NORMAL", "FULL"])
def test_a_full_disk_withholds_the_reply(make_service, talk, world, tmp_path, synchronous):
    journal = SqliteJournal(tmp_path / "journal.db", synchronous=synchronous)

    def room(pages: int) -> None:
        journal._db.execute(f"PRAGMA max_page_count={pages}")

    async def conversation(http: httpx.AsyncClient) -> None:
        created = await http.post("/v1/sessions", json={"env_id": world("Counter"), "kwargs": {"length": 99}})
        path = f"/v1/sessions/{created.json()['sessions'][0]['id']}/step"
        room(1)
        for turn in range(99):
            body = {"episode": 0, "turn": turn, "action": "x" * 3000}
            answer = await http.post(path, json=body)
            if answer.status_code != 200:
                break
        assert (answer.status_code, answer.json()["code"]) == (503, "journal_unavailable")
        assert (await http.post(path, json=body)).status_code == 503
        assert (await http.post("/v1/sessions", json={"env_id": world("Counter")})).status_code == 503
        room(1 << 20)
        assert (await http.post(path, json=body)).json()["turn"] == turn + 1
        with open_reader(tmp_path / "journal.db") as db:
            assert db.execute("SELECT COUNT(*) FROM entries").fetchone() == (turn + 1,)
        db.close()

    talk(make_service(journal=journal), conversation)


def test_what_a_full_disk_refuses_is_done_once_or_not_at_all(make_service, talk, world, tmp_path):
    journal = SqliteJournal(tmp_path / "journal.db")

    def room(pages: int) -> None:
        journal._db.execute(f"PRAGMA max_page_count={pages}")

    async def conversation(http: httpx.AsyncClient) -> None:
        async def turns() -> list[int]:
            return sorted(row["turn"] for row in (await http.get("/v1/sessions")).json()["sessions"])

        create = {"env_id": world("Counter"), "count": 2, "request_id": "a"}
        made = (await http.post("/v1/sessions", json=create)).json()["sessions"]
        one, other = (f"/v1/sessions/{row['id']}" for row in made)
        room(1)
        many = {**create, "count": 300, "request_id": "b"}
        assert (await http.post("/v1/sessions", json=many)).json()["code"] == "journal_unavailable"
        step = {"episode": 0, "turn": 0, "action": "go"}
        for path in (one, other):
            assert (await http.post(f"{path}/step", json=step)).status_code == 503
            assert (await http.post(f"{path}/reset", json={"episode": 1})).status_code == 503
        assert (await turns()) == [0] * 302, "nothing is played that cannot be told"
        room(1 << 20)
        answer = (await http.post("/v1/sessions", json=many)).json()["sessions"]
        assert len(await turns()) == 302, "done once"
        assert len({row["id"] for row in answer}) == 300
        assert (await http.post(f"{one}/step", json={**step, "action": "stop"})).json()["turn"] == 1
        room(1)
        unnamed = {"env_id": world("Counter"), "count": 300}
        assert (await http.post("/v1/sessions", json=unnamed)).json()["code"] == "journal_unavailable"
        assert len(await turns()) == 302, "nobody knows their ids"
        room(1 << 20)
        assert (await http.post(f"{other}/step", json=step)).json()["turn"] == 1

    talk(make_service(journal=journal), conversation)
