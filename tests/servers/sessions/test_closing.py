"""An environment on a thread that takes its time to close: nobody waits for it but the end of the server."""

from __future__ import annotations

import asyncio
import time
from contextlib import closing

import httpx

from turnwise.servers.client.server_process import ServerProcess
from turnwise.servers.isolation.catalogue import Catalogue
from turnwise.servers.protocol.types import CreateItem, StepItem
from turnwise.servers.sessions.creation import Creation
from turnwise.servers.sessions.journal.sqlite import SqliteJournal
from turnwise.servers.sessions.service import Service


def test_others_do_not_notice(world, tmp_path):
    note, slow, quick = tmp_path / "note", world("Lingering"), world("Counter")
    note.touch()
    arguments = ["--env", slow, "--env", quick, "--isolation", f"{slow}=thread", "--data-root", str(tmp_path)]
    with ServerProcess(arguments) as server, httpx.Client(base_url=server.url, timeout=20) as http:

        def create(**body: object) -> str:
            made = http.post("/v1/sessions", json=body).json()["sessions"][0]
            return str(made["id"])

        kwargs = {"seconds": 3.0, "note": str(note)}
        one, other = (create(env_id=slow, kwargs=kwargs) for _ in range(2))
        neighbour = create(env_id=quick)
        started = time.monotonic()
        assert http.delete(f"/v1/sessions/{one}").json() == {"closed": [one]}
        step = {"episode": 0, "turn": 0, "action": "go"}
        assert http.post(f"/v1/sessions/{neighbour}/step", json=step).json()["turn"] == 1
        assert time.monotonic() - started < 2, "closing takes three seconds"
        assert note.read_text() == ""
        assert server.stop() == 0
        assert note.read_text() == "closed\n" * 2, f"{other} was open when the server stopped"


def test_one_that_never_closes_does_not_keep_the_server(world, tmp_path):
    note, slow = tmp_path / "note", world("Lingering")
    note.touch()
    arguments = ["--env", slow, "--isolation", "thread", "--data-root", str(tmp_path), "--drain", "1"]
    with ServerProcess(arguments) as server:
        body = {"env_id": slow, "kwargs": {"seconds": 500.0, "note": str(note)}}
        assert httpx.post(f"{server.url}/v1/sessions", json=body).status_code == 200
        assert server.stop() == 0
        assert "1 environments are left behind" in server.log_tail()


def test_a_step_that_is_given_up_is_taken_again_and_not_noted_as_broken(world, tmp_path, monkeypatch):
    async def talk() -> None:
        service = Service(Catalogue([world("Interrupted")]), journal=SqliteJournal(tmp_path / "journal.db"))
        await Creation(service).create("", [CreateItem(world("Interrupted"))], keep_private=True)
        (session,) = service.sessions.values()
        running = service.step("", StepItem(session.record.id, 0, 0, "go"))
        assert isinstance(running, asyncio.Task)
        write = service.commit

        async def slowly() -> None:
            await asyncio.sleep(0.3)
            await write()

        monkeypatch.setattr(service, "commit", slowly)
        assert await service.aclose(0.05) == 1
        await running

    asyncio.run(talk())
    with closing(SqliteJournal(tmp_path / "journal.db")) as journal:
        (record,) = journal.sessions()
        assert record.log == [] and record.final == b""
