"""Ways to cheat by time: waiting, coming late, setting clocks, starting again, wearing the server out."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from turnwise.errors import UsageError
from turnwise.servers.benchmarks.clock import SteadyClock
from turnwise.servers.benchmarks.frozen import freeze
from turnwise.servers.benchmarks.signing import Operator
from turnwise.servers.http.keys import Caller, Keys
from turnwise.servers.isolation.catalogue import Catalogue
from turnwise.servers.run.build import Offer, build_hosting
from turnwise.servers.sessions.journal.records import JournalError
from turnwise.servers.sessions.journal.sqlite import SqliteJournal
from turnwise.servers.sessions.service import Service

from .conftest import SECRETS, VAULT, Hosted, deal, play, start, step

RUNS = "/v1/benchmarks/vaults/runs"


async def closed(hosted: Hosted, http: Any, run: str) -> dict[str, Any]:
    """Let the time of a run pass; return what was measured."""
    hosted.clock.at += 100.0
    await hosted.hosting.sweep()
    measured: dict[str, Any] = (await http.get(f"/v1/runs/{run}/record")).json()["record"]["measured"]
    return measured


def test_what_is_done_before_the_deadline_counts_and_nothing_at_it(host: Callable[..., None]) -> None:
    async def conversation(hosted: Hosted) -> None:
        async with hosted.client() as http:
            run = await start(http)
            first = (await deal(http, run, 0))["session"]
            hosted.clock.at += 100.0 - 1e-3
            gold = hosted.secret_of(first["id"]).gold
            assert (await step(http, first, f"open {gold}"))["end"] == "terminated"
            second = (await deal(http, run, 1))["session"]
            hosted.clock.at += 1e-3
            gold = hosted.secret_of(second["id"]).gold
            assert (await step(http, second, f"open {gold}"))["code"] == "run_over"
            assert await deal(http, run, 1) == {"done": True}
            rows = (await http.get(f"/v1/runs/{run}/record")).json()["record"]["measured"]["tasks"]
            assert [row["end"] for row in rows] == ["terminated", "abandoned", "not played"]

    host(conversation)


def test_a_clock_that_is_put_back_gives_no_time_and_stands_never_still() -> None:
    wall, passed = [1000.0], [0.0]
    clock = SteadyClock(lambda: wall[0], lambda: passed[0])
    seen = []
    for there, goes in ((1010.0, 10.0), (400.0, 20.0), (410.0, 30.0), (5000.0, 40.0), (100.0, 41.0)):
        wall[0], passed[0] = there, goes
        seen.append(clock())
    assert seen == [1010.0, 1020.0, 1030.0, 5000.0, 5001.0]


def test_a_clock_that_is_put_back_gives_no_attempt_and_opens_no_closed_run(host: Callable[..., None]) -> None:
    async def conversation(hosted: Hosted) -> None:
        async with hosted.client() as http:
            for _ in range(2):
                run = await start(http)
                await closed(hosted, http, run)
            hosted.clock.at -= 30 * 86_400.0
            assert (await http.post(RUNS, json={"agent": "a"})).json()["code"] == "attempts_used"
            assert await deal(http, run, 0) == {"done": True}
        await hosted.service.commit()
        hosted.kill()
        hosted.start()
        async with hosted.client() as http:
            assert (await http.post(RUNS, json={"agent": "a"})).json()["code"] == "attempts_used"
            assert (await http.get(f"/v1/runs/{run}")).json()["closed"] == "deadline"

    host(conversation)


def test_forfeits_skip_hard_tasks_at_the_price_of_them(host: Callable[..., None]) -> None:
    async def conversation(hosted: Hosted) -> None:
        async with hosted.client() as http:
            run = await start(http)
            await play(hosted, http, run, [True])
            for task in (1, 2):  # looked at, and given up
                await deal(http, run, task)
                await http.post(f"/v1/runs/{run}/forfeit", json={"task": task})
            assert await deal(http, run, 3) == {"done": True}
            measured = (await http.get(f"/v1/runs/{run}/record")).json()["record"]["measured"]
            assert measured["score"] == pytest.approx(1 / 3) and measured["coverage"] == 1.0

    host(conversation)


def test_looking_at_all_tasks_first_shows_the_tasks_of_that_run_alone(host: Callable[..., None]) -> None:
    async def conversation(hosted: Hosted) -> None:
        seen = []
        async with hosted.client() as http:
            for _ in range(2):
                run = await start(http)
                replies = [(await deal(http, run, task))["session"] for task in range(3)]
                assert (await deal(http, run, 3))["code"] == "wrong_task", "they are open, so it is not over"
                seen.append({reply["observation"] for reply in replies})
                assert (await closed(hosted, http, run))["score"] == 0.0
        assert len(seen[0] | seen[1]) == 6

    host(conversation, budget="parallel = 3")


def test_a_task_that_the_server_cannot_make_is_lost_and_not_left_out(
    host: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def conversation(hosted: Hosted) -> None:
        async with hosted.client() as http:
            run = await start(http)
            await play(hosted, http, run, [True])

            async def none(*_: object, **__: object) -> None:
                raise MemoryError("worn out")

            monkeypatch.setattr(hosted.service.environments, "start", none)
            refused = await http.post(f"/v1/runs/{run}/next", json={"task": 1})
            assert (refused.status_code, refused.json()["code"]) == (503, "task_unavailable")
            assert "worn out" not in refused.text
            measured = await closed(hosted, http, run)
            assert measured["score"] == pytest.approx(1 / 3)
            assert [row["end"] for row in measured["tasks"]] == ["terminated", "not played", "not played"]

    host(conversation)


def test_a_journal_that_cannot_be_written_deals_no_task_and_plays_none_twice(
    host: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def conversation(hosted: Hosted) -> None:
        async with hosted.client() as http:
            run = await start(http)
            first = (await deal(http, run, 0))["session"]
            with monkeypatch.context() as full:

                def refuse(_: object) -> None:
                    raise JournalError("no space left on device")

                full.setattr(hosted.journal, "_write", refuse)
                answers = [await step(http, first, "open 0"), await step(http, first, "open 1")]
                assert [answer["code"] for answer in answers] == ["journal_unavailable", "wrong_turn"]
                assert (await http.post(RUNS, json={"agent": "b"})).status_code == 409
            replayed = await step(http, first, "open 0")
            assert replayed["turn"] == 1, "the first action is the one that counts"
            assert (await step(http, first, "open 1"))["code"] == "wrong_turn"

    host(conversation)


def test_the_request_of_a_run_that_is_over_opens_no_other(host: Callable[..., None]) -> None:
    async def conversation(hosted: Hosted) -> None:
        async with hosted.client() as http:
            run = await start(http, request_id="once")
            await closed(hosted, http, run)
            again = (await http.post(RUNS, json={"agent": "tester", "request_id": "once"})).json()
            assert (again["run"], again["closed"]) == (run, "deadline")
            assert len(hosted.hosting.book.runs) == 1

    host(conversation)


def test_another_secret_of_the_same_key_gives_no_attempt(host: Callable[..., None]) -> None:
    async def conversation(hosted: Hosted) -> None:
        async with hosted.client() as http:
            for _ in range(2):
                await closed(hosted, http, await start(http))
        await hosted.service.commit()
        hosted.kill()
        hosted.keys = Keys({SECRETS["blue"]: Caller("red", True, ("vaults",))})
        hosted.start()
        async with hosted.client("blue") as http:
            assert (await http.post(RUNS, json={"agent": "a"})).json()["code"] == "attempts_used"

    host(conversation)


def test_a_copy_of_a_journal_is_not_served_beside_it(tmp_path: Path) -> None:
    hosted = Hosted(tmp_path)
    hosted.journal._write(hosted.journal._pending)
    hosted.journal._pending = []
    hosted.kill()
    shutil.copy(tmp_path / "journal.db", tmp_path / "copy.db")

    def hosting(name: str) -> SqliteJournal:
        journal = SqliteJournal(tmp_path / name)
        operator = Operator(tmp_path / "operator")
        offer = Offer((freeze(hosted.file, operator.master),), operator)
        try:
            build_hosting(offer, Service(Catalogue([VAULT]), journal=journal), 0.0)
        finally:
            journal.close()
        return journal

    hosting("journal.db")
    with pytest.raises(UsageError, match="another server hosts with this operator's folder"):
        hosting("copy.db")
