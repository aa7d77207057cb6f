"""Hosted runs played by OpenEnv's messages: the same tasks, and no more told than by plain HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import orjson
import pytest

from turnwise.servers.benchmarks.verify import check

from .conftest import SECRETS, VAULT, Hosted, deal, start, step
from .test_red_team import leaks


class Line:
    """A websocket of the application, without a network, as OpenEnv's client speaks."""

    def __init__(self, hosted: Hosted, path: str = "/openenv/vaults/ws", key: str = "red") -> None:
        self._in: asyncio.Queue[Any] = asyncio.Queue()
        self._out: asyncio.Queue[Any] = asyncio.Queue()
        headers = [(b"authorization", f"Bearer {SECRETS[key]}".encode()), (b"host", b"test")]
        scope = {"type": "websocket", "path": path, "headers": headers, "query_string": b""}
        self._in.put_nowait({"type": "websocket.connect"})
        self._task = asyncio.create_task(hosted.app(scope, self._in.get, self._out.put))
        self.texts: list[str] = []

    async def ask(self, kind: str, **data: Any) -> dict[str, Any]:
        """Send a message; return the data of its answer."""
        self._in.put_nowait({"type": "websocket.receive", "text": orjson.dumps({"type": kind, "data": data})})
        while "text" not in (answer := await self._out.get()):
            pass
        self.texts.append(answer["text"])
        document: dict[str, Any] = orjson.loads(answer["text"])["data"]
        return document

    async def hang_up(self) -> None:
        """End the connection as one that is lost."""
        self._in.put_nowait({"type": "websocket.disconnect"})
        await self._task


def gold_of(hosted: Hosted) -> int:
    """Look into the server: the right door of the task that is open."""
    (run,) = hosted.hosting.book.open_runs.values()
    gold: int = hosted.secret_of(run.dealt[-1].session).gold
    return gold


async def record_of(hosted: Hosted, key: str = "red") -> dict[str, Any]:
    """Return the record of the one run."""
    (run,) = hosted.hosting.book.runs
    async with hosted.client(key) as http:
        document: dict[str, Any] = (await http.get(f"/v1/runs/{run}/record")).json()
        return document


@pytest.mark.parametrize("path", ["/openenv/vaults/ws", "/ws"])
def test_resets_deal_the_tasks_of_one_run_and_tell_what_http_tells(
    host: Callable[..., None], path: str
) -> None:
    async def conversation(hosted: Hosted) -> None:
        line = Line(hosted, path)
        assert await line.ask("state") == {"episode_id": None, "step_count": 0}
        for won in (True, False, True):
            reply = await line.ask("reset", agent="its client", config={"model": "m"})
            while not reply["done"]:
                assert set(reply) == {"observation", "reward", "done"} and reply["reward"] is None
                assert set(reply["observation"]["info"]) == {"admissible", "instruction"}
                door = gold_of(hosted) if won else (gold_of(hosted) + 1) % 4
                reply = await line.ask("step", action=f"open {door}")
                assert reply["reward"] is None
        (run,) = hosted.hosting.book.runs
        assert await line.ask("state") == {"episode_id": f"{run}:2", "step_count": 1}
        assert leaks(hosted, "".join(line.texts)) == []
        for _ in range(2):  # and opens no further run
            over = await line.ask("reset")
            assert over["done"] and over["observation"]["info"] == {"run": run, "closed": "done"}
        assert "there was no reset" in (await line.ask("step", action="open 0"))["message"]
        envelope = await record_of(hosted)
        assert [row["success"] for row in envelope["record"]["measured"]["tasks"]] == [True, False, True]
        assert envelope["record"]["declared"] == {"agent": "its client", "config": {"model": "m"}}
        assert check(envelope, {key.id: key for key in hosted.operator.keys}).problems == ()
        assert len(hosted.hosting.book.runs) == 1
        await line.hang_up()

    host(conversation)


def test_a_reset_in_the_middle_forfeits_and_a_lost_connection_goes_on(host: Callable[..., None]) -> None:
    async def conversation(hosted: Hosted) -> None:
        line = Line(hosted)
        first = await line.ask("reset")
        second = await line.ask("reset")
        assert second["observation"]["text"] != first["observation"]["text"]
        stood = await line.ask("step", action="wait")
        await line.hang_up()
        for _ in range(2):  # also through a restart of the server
            line = Line(hosted)
            assert await line.ask("reset") == stood
            assert (await line.ask("state"))["step_count"] == 1
            await line.hang_up()
            await hosted.service.commit()
            hosted.kill()
            hosted.start()
        line = Line(hosted)
        await line.ask("reset")
        await line.ask("reset")  # task 2, the last; it is left open
        await line.hang_up()
        hosted.clock.at += 100.0
        await hosted.hosting.sweep()
        rows = (await record_of(hosted))["record"]["measured"]["tasks"]
        assert [row["end"] for row in rows] == ["forfeit", "forfeit", "abandoned"]

    host(conversation)


def test_what_the_server_decides_cannot_be_said(host: Callable[..., None]) -> None:
    async def conversation(hosted: Hosted) -> None:
        line = Line(hosted)
        for name in ("seed", "options", "split", "task", "score", "kwargs", "env_id"):
            said = await line.ask("reset", **{name: 1})
            assert said["code"] == "VALIDATION_ERROR" and name in said["message"]
        assert (await line.ask("reset", agent=""))["code"] == "VALIDATION_ERROR"
        assert (await line.ask("reset", config={"x": "y" * 20_000}))["code"] == "SESSION_ERROR"
        assert hosted.hosting.book.runs == {}
        await line.ask("reset", agent="one", episode_id="mine")
        assert "another agent" in (await line.ask("reset", agent="other"))["message"]
        for kind in ("mcp", "fork", "journal", "schema", "metadata"):
            assert (await line.ask(kind))["code"] == "VALIDATION_ERROR"
        assert leaks(hosted, "".join(line.texts)) == []
        await line.hang_up()
        for path, key in ((f"/openenv/{VAULT}/ws", "red"), ("/openenv/other/ws", "red"), ("/ws", "full")):
            line = Line(hosted, path, key)
            reply = await line.ask("reset", agent="a")
            assert ("code" in reply) == (key == "red"), "a benchmark by another name is not there"
            await line.hang_up()
        async with hosted.client() as http:
            for path in ("/schema", "/metadata", "/state", "/openenv/vaults/state", "/openenv/vaults/schema"):
                answer = await http.get(path)
                assert answer.status_code == 404 and leaks(hosted, answer.text) == []

    host(conversation)


def test_two_connections_of_one_key_play_no_task_twice(host: Callable[..., None]) -> None:
    async def conversation(hosted: Hosted) -> None:
        first, second, third = Line(hosted), Line(hosted), Line(hosted)
        texts = await asyncio.gather(*[line.ask("reset") for line in (first, second)])
        assert len({said["observation"]["text"] for said in texts}) == 2
        assert "has not ended" in (await third.ask("reset"))["message"]
        await first.hang_up()
        assert await third.ask("reset") == texts[0], "what the first left behind"
        assert len(hosted.service.sessions) == 2
        for line in (second, third):
            await line.hang_up()
        assert hosted.app.calls.places.taken == set()

    host(conversation, budget="parallel = 2")


def test_a_named_request_opens_one_run_and_a_closed_one_stays_closed(host: Callable[..., None]) -> None:
    async def conversation(hosted: Hosted) -> None:
        for _ in range(2):
            line = Line(hosted)
            await line.ask("reset", request_id="once")
            await line.hang_up()
        hosted.clock.at += 100.0
        line = Line(hosted)
        over = await line.ask("reset", request_id="once")
        assert over["done"] and over["observation"]["info"]["closed"] == "deadline"
        assert len(hosted.hosting.book.runs) == 1
        await line.hang_up()

    host(conversation)


def test_a_run_of_plain_http_goes_on_by_openenv(host: Callable[..., None]) -> None:
    async def conversation(hosted: Hosted) -> None:
        async with hosted.client() as http:
            run = await start(http)
            stood = await step(http, (await deal(http, run, 0))["session"], "wait")
            line = Line(hosted)
            assert (await line.ask("reset"))["observation"]["text"] == stood["observation"]
            done = await line.ask("step", action=f"open {gold_of(hosted)}")
            assert done["done"]
            assert (await deal(http, run, 0))["session"]["end"] == "terminated"
            await line.hang_up()

    host(conversation)


def test_a_task_that_cannot_be_rebuilt_says_nothing_of_itself(host: Callable[..., None]) -> None:
    async def conversation(hosted: Hosted) -> None:
        line = Line(hosted)
        await line.ask("reset")
        await line.hang_up()
        await hosted.service.commit()
        hosted.kill()
        hosted.start()
        (session,) = hosted.service.sessions.values()
        session.record.reset_digest = bytes(len(session.record.reset_digest))
        line = Line(hosted)
        said = [await line.ask("reset") for _ in range(2)]
        assert "cannot be rebuilt" in said[0]["message"] and leaks(hosted, str(said[0])) == []
        assert not said[1]["done"], "it is forfeited, and the next one dealt"
        async with hosted.client() as http:
            answer: httpx.Response = await http.get(f"/v1/runs/{next(iter(hosted.hosting.book.runs))}")
            assert answer.json()["ended"] == [{"task": 0, "end": "forfeit", "turns": 0}]
        await line.hang_up()

    host(conversation)
