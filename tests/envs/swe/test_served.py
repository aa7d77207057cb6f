"""Sessions over HTTP: forks, exactly once, journals that replay or say that they do not, long commands.

On boxes that are plain folders; on real sandboxes, with kills at random, it is
test_chaos.py and benchmarks/sandbox/chaos.py.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from folder_boxes import __file__ as boxes_file
from typer.testing import CliRunner

from turnwise.__main__ import app
from turnwise.servers.client import ServerProcess, SessionClient, connect
from turnwise.servers.protocol.types import CreateItem, ForkItem, Problem, Reply, StepItem

ENV = f"{boxes_file}:SumsEnv"
FIX = "edit sums.py\n<<<<<<< SEARCH\n    return a - b\n=======\n    return a + b\n>>>>>>> REPLACE"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return the folder that holds the journal and every box."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("served")
        patch.setenv("TMPDIR", str(folder))
        yield folder


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[ServerProcess]:
    """Serve with a journal; when it has stopped, no box is left."""
    with ServerProcess(["--env", ENV, "--journal", str(folder / "journal.db")]) as running:
        yield running
    assert boxes(folder) == set()


def boxes(folder: Path) -> set[Path]:
    return set(folder.glob("turnwise-fake-*"))


def kill(server: ServerProcess, folder: Path) -> None:
    """Kill the server, sweep up what its boxes were, and start it again."""
    server.kill()
    for left in boxes(folder):
        shutil.rmtree(left)
    server.start()


async def opened(client: SessionClient, count: int = 1) -> list[Reply]:
    rows = await client.create([CreateItem(ENV, seed=0, count=count)], request_id=uuid4().hex)
    assert all(isinstance(row, Reply) and row.end is None for row in rows), rows
    return rows


async def step(client: SessionClient, id: str, turn: int, action: str) -> Reply:
    (row,) = await client.step([StepItem(id, 0, turn, action)])
    assert isinstance(row, Reply), row
    return row


def test_a_fork_over_the_wire_is_a_box_of_its_own(server: ServerProcess) -> None:
    async def main() -> None:
        client = connect(server.url)
        (parent,) = await opened(client)
        before = await step(client, parent.id, 0, "create note.txt\nhello")
        one, two = await client.fork([ForkItem(parent.id, 2)], request_id="f")
        assert one.observation == before.observation and one.turn == 1
        await step(client, one.id, 1, FIX)
        assert (await step(client, one.id, 2, "submit")).info["won"]
        assert "return a - b" in (await step(client, two.id, 1, "view sums.py")).observation
        assert (await step(client, parent.id, 1, "undo")).observation == "Undone: note.txt."
        assert (await step(client, parent.id, 2, "submit")).info["outcome"] == "empty_patch"
        await client.close([parent.id, one.id])  # the other is closed by the end of the server
        await client.aclose()

    asyncio.run(main())


def test_a_command_is_run_once_though_its_reply_is_lost(server: ServerProcess) -> None:
    async def main() -> None:
        client, again = connect(server.url), connect(server.url)
        (row,) = await opened(client)
        action = "bash echo once >> log.txt; sleep 0.5; date +%N"
        lost = asyncio.ensure_future(step(client, row.id, 0, action))
        await asyncio.sleep(0.2)
        lost.cancel()  # its connection is closed while the command runs
        first = await step(again, row.id, 0, action)
        assert first == await step(again, row.id, 0, action)
        assert (await step(again, row.id, 1, "bash cat log.txt")).observation == "once"
        await client.aclose()
        await again.aclose()

    asyncio.run(main())


def test_a_long_command_holds_nobody(server: ServerProcess) -> None:
    async def main() -> None:
        client = connect(server.url)
        slow, quick = await opened(client, 2)
        waiting = asyncio.ensure_future(step(client, slow.id, 0, "bash sleep 1.5"))
        await asyncio.sleep(0.2)
        for turn in range(3):
            await step(client, quick.id, turn, "bash true")
        assert not waiting.done()
        await waiting
        await client.aclose()

    asyncio.run(main())


def test_a_session_that_is_closed_in_the_middle_of_a_command_frees_its_box(
    server: ServerProcess, folder: Path
) -> None:
    async def main() -> None:
        client = connect(server.url)
        before = boxes(folder)
        (row,) = await opened(client)
        waiting = asyncio.ensure_future(client.step([StepItem(row.id, 0, 0, "bash sleep 1")]))
        await asyncio.sleep(0.2)
        await client.close([row.id])
        await asyncio.wait([waiting])
        deadline = time.monotonic() + 20
        while boxes(folder) - before:
            assert time.monotonic() < deadline, "the box is still there"
            await asyncio.sleep(0.1)
        await client.aclose()

    asyncio.run(main())


def test_a_session_whose_box_died_is_played_anew_up_to_there() -> None:
    async def main() -> None:
        client = connect("local:")
        (row,) = await client.create([CreateItem(f"{boxes_file}:BreakableEnv")], request_id="b")
        await step(client, row.id, 0, FIX)
        assert (await step(client, row.id, 1, "bash echo break > c.txt")).end is None
        assert (await step(client, row.id, 2, "bash cat c.txt")).observation == "break"
        assert (await step(client, row.id, 3, "submit")).info["won"]
        await client.aclose()

    asyncio.run(main())


def test_after_sigkill_sessions_go_on_or_say_at_which_turn_they_cannot(
    server: ServerProcess, folder: Path
) -> None:
    async def main() -> tuple[str, str]:
        client = connect(server.url)
        good, bad = await opened(client, 2)
        await step(client, good.id, 0, "bash date +%N")  # other words, the same files
        await step(client, good.id, 1, FIX)
        tested = await step(client, good.id, 2, "run_tests")
        await step(client, bad.id, 0, "bash date +%N > stamp.txt")
        await step(client, bad.id, 1, "view stamp.txt")
        kill(server, folder)
        await client.aclose()
        client = connect(server.url)
        assert await step(client, good.id, 2, "run_tests") == tested
        assert (await step(client, good.id, 3, "submit")).info["won"]
        (refused,) = await client.step([StepItem(bad.id, 0, 2, "submit")])
        assert isinstance(refused, Problem) and refused.code == "replay_diverged"
        assert f"session {bad.id}" in refused.detail and "turn 1" in refused.detail
        await client.aclose()
        return good.id, bad.id

    good, bad = asyncio.run(main())
    server.stop()
    done = CliRunner().invoke(app, ["journal", str(folder / "journal.db"), "verify", "--json"])
    found = {row["session"]: row["differs_at"] for row in json.loads(done.output)}
    assert (found[good], found[bad]) == (None, 1)
