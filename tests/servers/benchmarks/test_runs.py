"""Hosted runs: dealt, played, ended, scored by the server's own journal, through restarts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from turnwise.errors import UsageError
from turnwise.servers.benchmarks.file import from_table, load
from turnwise.servers.benchmarks.frozen import freeze
from turnwise.servers.benchmarks.verify import check

from .conftest import VAULT, Hosted, deal, play, start, step

SHOWN = {"id", "incarnation", "episode", "turn", "observation", "terminated", "truncated", "end", "info"}


def test_a_run_is_dealt_played_scored_and_signed(host: Callable[..., None]) -> None:
    async def conversation(hosted: Hosted) -> None:
        async with hosted.client() as http:
            run = await start(http)
            await play(hosted, http, run, [True, False, True])
            assert await deal(http, run, 3) == {"done": True}
            standing = (await http.get(f"/v1/runs/{run}")).json()
            assert standing["closed"] == "done"
            assert standing["result"]["score"] == pytest.approx(2 / 3)
            record = (await http.get(f"/v1/runs/{run}/record")).json()["record"]
            assert [row["success"] for row in record["measured"]["tasks"]] == [True, False, True]
            assert [row["turns"] for row in record["measured"]["tasks"]] == [1, 2, 1]
            assert record["declared"] == {"agent": "tester", "config": {}}
            assert hosted.service.sessions == {}

    host(conversation)


def test_what_a_client_sees_inside_a_run_is_what_the_contract_lists(host: Callable[..., None]) -> None:
    async def conversation(hosted: Hosted) -> None:
        async with hosted.client() as http:
            run = await start(http)
            reply = (await deal(http, run, 0))["session"]
            while True:
                assert set(reply) == SHOWN
                assert set(reply["info"]) == {"admissible", "instruction"}
                if reply["end"] is not None:
                    break
                reply = await step(http, reply, "wait" if reply["turn"] < 5 else "open 9")
            assert (reply["turn"], reply["end"], reply["truncated"]) == (6, "horizon", True)

    host(conversation)


def test_the_same_task_is_the_same_session_and_another_one_is_refused(host: Callable[..., None]) -> None:
    async def conversation(hosted: Hosted) -> None:
        async with hosted.client() as http:
            run = await start(http)
            early = await http.post(f"/v1/runs/{run}/next", json={"task": 1})
            assert (early.status_code, early.json()["expected"]) == (409, {"task": 0})
            first = (await deal(http, run, 0))["session"]
            assert (await deal(http, run, 0))["session"] == first
            second = await step(http, first, "wait")
            assert (await deal(http, run, 0))["session"] == second
            refused = await http.post(f"/v1/runs/{run}/next", json={"task": 1})
            assert (refused.status_code, refused.json()["code"]) == (409, "wrong_task")
            assert len(hosted.service.sessions) == 1

    host(conversation)


def test_tasks_in_parallel_where_the_benchmark_allows_it(host: Callable[..., None]) -> None:
    async def conversation(hosted: Hosted) -> None:
        async with hosted.client() as http:
            run = await start(http)
            ids = {(await deal(http, run, task))["session"]["id"] for task in (0, 1)}
            assert len(ids) == 2
            assert (await http.post(f"/v1/runs/{run}/next", json={"task": 2})).status_code == 409

    host(conversation, budget="parallel = 2")


def test_a_deadline_closes_the_run_and_what_is_open_is_lost(host: Callable[..., None]) -> None:
    async def conversation(hosted: Hosted) -> None:
        async with hosted.client() as http:
            run = await start(http)
            await play(hosted, http, run, [True])
            reply = (await deal(http, run, 1))["session"]
            hosted.clock.at += 100.0
            late = await http.post(
                f"/v1/sessions/{reply['id']}/step", json={"episode": 0, "turn": 0, "action": "wait"}
            )
            assert (late.status_code, late.json()["code"]) == (409, "run_over")
            assert await deal(http, run, 1) == {"done": True}
            measured = (await http.get(f"/v1/runs/{run}/record")).json()["record"]["measured"]
            assert measured["score"] == pytest.approx(1 / 3)
            assert [row["end"] for row in measured["tasks"]] == ["terminated", "abandoned", "not played"]
            assert measured["closed"] == "deadline"

    host(conversation)


def test_a_deadline_is_kept_without_anybody_asking(host: Callable[..., None]) -> None:
    async def conversation(hosted: Hosted) -> None:
        async with hosted.client() as http:
            run = await start(http)
            await deal(http, run, 0)
            hosted.clock.at += 100.0
            await hosted.hosting.sweep()
            assert hosted.hosting.book.runs[run].closed == "deadline"
            assert len(hosted.hosting.book.log or ()) == 1

    host(conversation)


def test_a_killed_server_goes_on_where_its_journal_stands(host: Callable[..., None]) -> None:
    async def conversation(hosted: Hosted) -> None:
        async with hosted.client() as http:
            run = await start(http)
            await play(hosted, http, run, [True])
            first = (await deal(http, run, 1))["session"]
            second = await step(http, first, "wait")
        hosted.kill()
        hosted.start()
        async with hosted.client() as http:
            assert (await deal(http, run, 1))["session"] == second
            assert await step(http, first, "wait") == second  # a repetition, not another turn
            gold = hosted.secret_of(first["id"]).gold
            last = await step(http, second, f"open {gold}")
            assert last["end"] == "terminated"
            hosted.kill()
            hosted.start()
        async with hosted.client() as http:
            await deal(http, run, 2)
            forfeited = (await http.post(f"/v1/runs/{run}/forfeit", json={"task": 2})).json()
            assert [row["end"] for row in forfeited["ended"]] == ["terminated", "terminated", "forfeit"]
            assert await deal(http, run, 3) == {"done": True}
            rows = (await http.get(f"/v1/runs/{run}/record")).json()["record"]["measured"]["tasks"]
            assert [(row["success"], row["turns"]) for row in rows] == [(True, 1), (True, 2), (None, 0)]

    host(conversation)


def test_sessions_of_runs_stay_hidden_after_a_restart(host: Callable[..., None]) -> None:
    async def conversation(hosted: Hosted) -> None:
        async with hosted.client() as http:
            run = await start(http)
            id = (await deal(http, run, 0))["session"]["id"]
        hosted.kill()
        hosted.start()
        assert hosted.service.find("red", id) is None

    host(conversation)


def test_opening_a_run_again_by_its_request_id_is_the_same_run(host: Callable[..., None]) -> None:
    async def conversation(hosted: Hosted) -> None:
        async with hosted.client() as http:
            run = await start(http, request_id="once")
            assert await start(http, request_id="once") == run
            other = await http.post(
                "/v1/benchmarks/vaults/runs", json={"agent": "another", "request_id": "once"}
            )
            assert other.json()["code"] == "request_id_reused"
            hosted.kill()
            hosted.start()
        async with hosted.client() as http:
            assert await start(http, request_id="once") == run

    host(conversation)


def test_a_changed_benchmark_is_refused_until_it_has_a_new_version(tmp_path: Path) -> None:
    hosted = Hosted(tmp_path)
    hosted.journal._write(hosted.journal._pending)
    hosted.journal._pending = []
    hosted.kill()
    hosted.file.write_text(hosted.file.read_text().replace("turns = 6", "turns = 7"))
    with pytest.raises(UsageError, match=r"version 1: was frozen as .* give it version = 2"):
        hosted.start()
    hosted.journal.close()
    hosted.file.write_text(hosted.file.read_text().replace("version = 1", "version = 2"))
    hosted.start()
    hosted.kill()


def test_a_run_of_a_former_version_ends_with_what_it_has(host: Callable[..., None]) -> None:
    async def conversation(hosted: Hosted) -> None:
        async with hosted.client() as http:
            run = await start(http)
            await play(hosted, http, run, [True])
            reply = (await deal(http, run, 1))["session"]
        hosted.kill()
        hosted.file.write_text(hosted.file.read_text().replace("version = 1", "version = 2"))
        hosted.start()
        async with hosted.client() as http:
            assert (await step(http, reply, "open 0"))["code"] == "not_hosted"
            assert hosted.service.find("red", reply["id"]) is None
            assert (await deal(http, run, 2))["code"] == "not_hosted"
            hosted.clock.at += 100.0
            envelope = (await http.get(f"/v1/runs/{run}/record")).json()
            assert envelope["record"]["benchmark"]["version"] == 1
            assert envelope["record"]["measured"]["score"] == pytest.approx(1 / 3)
            assert check(envelope, {key.id: key for key in hosted.operator.keys}).problems == ()

    host(conversation)


def test_a_hash_depends_on_file_code_and_secret(tmp_path: Path) -> None:
    hosted = Hosted(tmp_path)
    master = hosted.operator.master
    first = freeze(hosted.file, master)
    assert freeze(hosted.file, master).hash == first.hash
    assert freeze(hosted.file, bytes(32)).hash != first.hash
    assert freeze(hosted.file, None).hash != first.hash
    copy = tmp_path / "vaults.py"
    copy.write_text(Path(VAULT.split(":")[0]).read_text().replace("self.misses == 2", "self.misses == 3"))
    hosted.file.write_text(hosted.file.read_text().replace(VAULT, f"{copy}:Vault"))
    changed = freeze(hosted.file, master)
    assert changed.fingerprints != first.fingerprints and changed.hash != first.hash
    hosted.kill()


GOOD: dict[str, Any] = {
    "name": "b",
    "version": 1,
    "budget": {"turns": 5, "seconds": 10.0, "attempts_per_week": 1},
    "environments": [{"id": "household/mix-v0", "tasks": 2}],
}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"name": "Bad Name"}, "name = 'Bad Name'; expected lower case"),
        ({"version": 0}, "version = 0; expected a number from 1"),
        ({"version": "one"}, "version = 'one'; expected a whole number"),
        ({"split": "secret"}, "unknown value of split 'secret'"),
        ({"shown": ["task"]}, "unknown key of info in shown 'task'"),
        ({"budget": {}}, "budget.turns is missing"),
        ({"budget": {**GOOD["budget"], "turns": 0}}, "budget.turns = 0; expected a number from 1 to 10000"),
        ({"budget": {**GOOD["budget"], "seconds": float("nan")}}, "budget.seconds = nan"),
        ({"budget": {**GOOD["budget"], "episodes": 3}}, "budget.episodes = 3; expected a number from 0 to 2"),
        ({"environments": []}, "environments is empty"),
        ({"environments": [{"id": "x", "tasks": 0}]}, "environments[0].tasks = 0; expected from 1"),
        ({"environments": [{"id": "x"}]}, "tasks is missing"),
        ({"surprise": 1}, "unknown key in it 'surprise'"),
        ({"draw": "fixed"}, "budget.attempts = 0; expected 1 where draw is 'fixed'"),
        ({"score": {"metric": "luck"}}, "unknown value of score.metric 'luck'"),
    ],
)
def test_a_bad_file_says_key_given_and_expected(change: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError) as raised:
        from_table({**GOOD, **change}, "it")
    assert said in str(raised.value)


def test_a_file_that_is_missing_or_no_toml_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"benchmark file .*none\.toml.*No such file"):
        load(tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_text("name = ")
    with pytest.raises(UsageError, match=r"bad\.toml.* is not TOML"):
        load(tmp_path / "bad.toml")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('secret = ["world_seed"]', "", "expected 'world_seed' in it where the split is hidden"),
        ("doors = 4", "windows = 4", "unknown argument 'windows'"),
        ('["world_seed"]', '["world_seed", "split"]', "expected arguments that stand in no other table"),
        (VAULT, "house/none-v0", "unknown environment 'house/none-v0'"),
    ],
)
def test_an_environment_that_is_not_as_the_file_says_is_refused(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    hosted = Hosted(tmp_path)
    hosted.kill()
    hosted.file.write_text(hosted.file.read_text().replace(old, new))
    with pytest.raises(UsageError) as raised:
        freeze(hosted.file, hosted.operator.master)
    assert said in str(raised.value)


def test_what_was_spent_is_declared_once_a_task_and_kept_through_a_restart(host: Callable[..., None]) -> None:
    async def conversation(hosted: Hosted) -> None:
        async with hosted.client() as http:
            run = await start(http)
            for task in range(2):
                for cost in (task + 0.5, 9.0):  # said again, it counts no more: its task is dealt
                    body = {"task": task, "spent": {"cost": cost, "prompt_tokens": 7}}
                    assert (await http.post(f"/v1/runs/{run}/next", json=body)).status_code == 200
                await http.post(f"/v1/runs/{run}/forfeit", json={"task": task})
            for wrong in (
                {"cost": -1.0},
                {"cost": 1e400},
                {"cost": "1"},
                {"score": 1.0},
                {"prompt_tokens": 1.5},
            ):
                content = orjson.dumps({"task": 2, "spent": wrong}).replace(b"null", b"1e999")
                assert (await http.post(f"/v1/runs/{run}/next", content=content)).status_code in (400, 422)
        await hosted.service.commit()
        hosted.kill()
        hosted.start()
        async with hosted.client() as http:
            standing = (await http.get(f"/v1/runs/{run}")).json()
            assert standing["spent"] == {"cost": 1.5, "prompt_tokens": 7}
            assert len([note for note in hosted.journal.notes() if note[1] == "spent"]) == 2
            await deal(http, run, 2)
            await http.post(f"/v1/runs/{run}/forfeit", json={"task": 2})
            await http.post(f"/v1/runs/{run}/next", json={"task": 3, "spent": {"cost": 2.0}})
            record = (await http.get(f"/v1/runs/{run}/record")).json()["record"]
            assert record["declared"]["spent"] == {"cost": 2.0}

    host(conversation)
