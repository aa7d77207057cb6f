"""A session whose replay differs says at which turn; one whose file is away for now waits for it."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from functools import partial

import pytest

from turnwise.envs.registry import load_class
from turnwise.envs.sandbox import ImageError
from turnwise.servers.client import SessionClient
from turnwise.servers.client.transports.local import LocalTransport
from turnwise.servers.protocol.types import StepItem
from turnwise.servers.sessions.journal.sqlite import SqliteJournal


def test_one_altered_hash_is_refused_with_its_turn(make_service, world, tmp_path, recorded, continued):
    file = tmp_path / "journal.db"
    id = recorded(make_service, world("Counter"), file)
    with sqlite3.connect(file) as db:
        db.execute("UPDATE entries SET digest = zeroblob(16) WHERE number = 3")
    db.close()
    for row in continued(make_service, id, file):
        assert (row.status, row.code, row.expected) == (409, "replay_diverged", {"episode": 0, "turn": 3})
    with sqlite3.connect(file) as db:
        db.execute("UPDATE episodes SET reset_digest = zeroblob(16)")
    db.close()
    assert continued(make_service, id, file)[0].expected == {"episode": 0, "turn": 0}


def test_a_changed_environment_is_refused(make_service, world, tmp_path, recorded, continued):
    file, drift = tmp_path / "journal.db", tmp_path / "drift"
    drift.write_text("a")
    roots = {"roots": (tmp_path,)}
    id = recorded(lambda **more: make_service(**roots, **more), world("Drifting"), file, drift="./drift")
    drift.write_text("b")
    row = continued(lambda **more: make_service(**roots, **more), id, file)[0]
    assert (row.code, row.expected["turn"]) == ("replay_diverged", 3)
    with sqlite3.connect(file) as db:
        db.execute("UPDATE sessions SET fingerprint = 'older'")
    db.close()
    row = continued(lambda **more: make_service(**roots, **more), id, file)[0]
    assert "fingerprint was older, now it is" in row.detail


@pytest.mark.parametrize("isolation", ["inline", "process"])
@pytest.mark.parametrize(("kind", "argument"), [("Counter", "data"), ("Drifting", "drift")])
def test_a_file_that_is_missing_for_now(make_service, world, tmp_path, isolation, kind, argument, recorded):
    def make(**more):
        return make_service({world(kind): isolation}, roots=(tmp_path,), **more)

    (file := tmp_path / "data.txt").write_text("a")
    id = recorded(make, world(kind), tmp_path / "journal.db", **{argument: "data.txt"})

    async def run() -> None:
        service = make(journal=SqliteJournal(tmp_path / "journal.db"))
        client = SessionClient(LocalTransport(service))
        file.rename(tmp_path / "away")
        for _ in range(2):
            answer = await client.transport.call("GET", f"/v1/sessions/{id}", None, {})
            assert (answer.status, json.loads(answer.body)["code"]) == (503, "rebuild_failed")
        (tmp_path / "away").rename(file)
        (row,) = await client.step([StepItem(id, 0, 4, "go")])
        assert row.turn == 5
        await service.aclose()

    asyncio.run(run())


def test_an_image_that_is_away_for_now(make_service, world, tmp_path, monkeypatch, recorded):
    """A box was made of it once, so that the fault is not the session's."""
    id = recorded(make_service, world("Counter"), tmp_path / "journal.db")

    def away(self: object, **_: object) -> None:
        raise ImageError("the registry does not answer")

    async def run() -> None:
        service = make_service(journal=SqliteJournal(tmp_path / "journal.db"))
        client = SessionClient(LocalTransport(service))
        with monkeypatch.context() as patch:
            patch.setattr(load_class(world("Counter")), "reset", away)
            answer = await client.transport.call("GET", f"/v1/sessions/{id}", None, {})
        assert (answer.status, json.loads(answer.body)["code"]) == (503, "rebuild_failed")
        (row,) = await client.step([StepItem(id, 0, 4, "go")])
        assert row.turn == 5
        await service.aclose()

    asyncio.run(run())


def test_a_file_that_goes_while_it_is_used_is_missing_for_now(
    make_service, world, tmp_path, monkeypatch, recorded
):
    """The argument was resolved, then the file went: the environment itself finds out."""
    (file := tmp_path / "data.txt").write_text("a")
    make = partial(make_service, roots=(tmp_path,))
    id = recorded(make, world("Drifting"), tmp_path / "journal.db", drift="data.txt")

    async def run() -> None:
        service = make(journal=SqliteJournal(tmp_path / "journal.db"))
        client = SessionClient(LocalTransport(service))
        monkeypatch.setattr(service.catalogue, "admit", lambda _, kwargs: {"drift": str(file)})
        file.rename(tmp_path / "away")
        answer = await client.transport.call("GET", f"/v1/sessions/{id}", None, {})
        assert answer.status == 503
        assert "FileNotFoundError" in json.loads(answer.body)["detail"]
        (tmp_path / "away").rename(file)
        (row,) = await client.step([StepItem(id, 0, 4, "go")])
        assert row.turn == 5
        await service.aclose()

    asyncio.run(run())
