"""The command lists, shows, verifies, replays and compacts."""

from __future__ import annotations

import asyncio
import json
import sqlite3

from typer.testing import CliRunner

from turnwise.__main__ import app as command_line
from turnwise.errors import UsageError
from turnwise.servers.client import SessionClient
from turnwise.servers.client.transports.local import LocalTransport
from turnwise.servers.protocol.limits import Limits
from turnwise.servers.protocol.types import CreateItem, StepItem
from turnwise.servers.sessions.journal.sqlite import SqliteJournal


def test_hostile_text_of_an_episode_is_shown_as_text(make_service, world, tmp_path):
    file = tmp_path / "journal.db"
    service = make_service(journal=SqliteJournal(file))

    async def play() -> str:
        client = SessionClient(LocalTransport(service))
        (row,) = await client.create([CreateItem(world("Counter"))], request_id="a")
        await client.step([StepItem(row.id, 0, 0, "go\x1b[2J\u202eog\x9b")])
        await service.aclose()
        return row.id

    id = asyncio.run(play())
    replayed = CliRunner().invoke(command_line, ["journal", str(file), "replay", id])
    assert (replayed.exit_code, replayed.output.count("> go\\x1b[2J\\u202eog\\x9b")) == (0, 1)
    shown = CliRunner().invoke(command_line, ["journal", str(file), "show", id])
    assert json.loads(shown.output)[0]["entries"]
    assert not set(replayed.output + shown.output) & set("\x1b\u202e\x9b")


def test_an_episode_that_its_server_cut_short_replays(make_service, world, tmp_path):
    file = tmp_path / "journal.db"
    service = make_service(limits=Limits(max_turns=3), journal=SqliteJournal(file))

    async def play() -> str:
        client = SessionClient(LocalTransport(service))
        (row,) = await client.create([CreateItem(world("Counter"))], request_id="a")
        for turn in range(3):
            (row,) = await client.step([StepItem(row.id, 0, turn, "go")])
        assert (row.turn, row.end) == (3, "horizon")
        await service.aclose()
        return row.id

    id = asyncio.run(play())
    runner = CliRunner()
    done = runner.invoke(command_line, ["journal", str(file), "verify"])
    assert (done.exit_code, done.output) == (0, "1 of 1 episodes replay exactly\n")
    done = runner.invoke(command_line, ["journal", str(file), "replay", id])
    assert (done.exit_code, done.output.count("> go"), done.output.count("[horizon")) == (0, 3, 1)
    with sqlite3.connect(file) as db:
        db.execute("UPDATE entries SET digest = zeroblob(16) WHERE number = 3")
    db.close()
    done = runner.invoke(command_line, ["journal", str(file), "verify"])
    assert (done.exit_code, "turn 3: " in done.output) == (1, True)
    done = runner.invoke(command_line, ["journal", str(file), "replay", id])
    assert done.output.count("> go") == 2, "what does not differ is shown"


def test_the_command(make_service, world, tmp_path, recorded):
    file = tmp_path / "journal.db"
    id = recorded(make_service, world("Counter"), file)
    runner = CliRunner()

    def run(*arguments: str) -> tuple[int, str]:
        done = runner.invoke(command_line, ["journal", str(file), *arguments])
        return done.exit_code, done.output

    code, text = run("list", "--json")
    assert code == 0
    assert [(row["id"], row["turns"], row["closed"]) for row in json.loads(text)] == [(id, 4, None)]
    assert id in run()[1]
    (shown,) = json.loads(run("show", id)[1])
    assert [entry["action"] for entry in shown["entries"]] == ["go"] * 4
    assert run("verify") == (0, "1 of 1 episodes replay exactly\n")
    code, text = run("replay", id)
    assert (code, text.count("> go")) == (0, 4)
    with sqlite3.connect(file) as db:
        db.execute("UPDATE entries SET digest = zeroblob(16) WHERE number = 2")
    db.close()
    code, text = run("verify")
    assert code == 1
    assert text.startswith(f"session {id}, episode 0, turn 2: ")
    assert json.loads(run("verify", "--json")[1])[0]["differs_at"] == 2
    for wrong in (["verfy"], ["show"], ["show", id[:-1]]):
        done = runner.invoke(command_line, ["journal", str(file), *wrong])
        assert isinstance(done.exception, UsageError), wrong
    with sqlite3.connect(file) as db:
        db.execute("UPDATE sessions SET closed = 1000")
    db.close()
    code, text = run("compact")
    assert text.startswith("dropped 1 closed sessions")
    assert run("list", "--json")[1].strip() == "[]"
