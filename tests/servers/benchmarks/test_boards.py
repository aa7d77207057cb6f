"""Leaderboards of a server: who may see what, what a page says of hostile text, and withdrawals for good.

1. A key of the benchmark sees its board, anybody a public one, nobody more than was said when a run began.
2. Neither JSON nor pages hold run ids, declared configurations, single tasks, or keys not to be named.
3. Only the operator withdraws; the run stays as withdrawn, `verify` says so, and hiding it is found.
"""

from __future__ import annotations

import base64
import copy
import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from turnwise.agents.policies.by_name import told_name
from turnwise.servers.benchmarks.regrade import regrade
from turnwise.servers.benchmarks.signing import Operator, read_keys
from turnwise.servers.benchmarks.verify import check, check_growth, check_log
from turnwise.servers.benchmarks.withdrawals import answer_to, ask

from .conftest import SECRETS, Hosted, play, start

EVIL = "<script>alert(1)</script>\x1b[31m\u202e{{ 7 * 7 }}"
BOARD = "/v1/benchmarks/vaults/board"


async def played(hosted: Hosted, key: str, wins: list[bool], **body: Any) -> str:
    """Play a run to its end, which cost two dollars; return its id."""
    async with hosted.client(key) as http:
        run = await start(http, **body)
        await play(hosted, http, run, wins)
        await http.post(f"/v1/runs/{run}/next", json={"task": len(wins), "spent": {"cost": 2.0}})
        return run


def stranger(hosted: Hosted, key: str = "") -> httpx.AsyncClient:
    """Return a browser: without a key, or with one as the password of Basic authentication."""
    basic = base64.b64encode(f"me:{SECRETS[key]}".encode()).decode() if key else ""
    headers = {"authorization": f"Basic {basic}"} if key else {}
    transport = httpx.ASGITransport(app=hosted.app)
    return httpx.AsyncClient(transport=transport, base_url="http://test", headers=headers)


def test_a_board_is_for_the_keys_that_play_it(host: Any) -> None:
    async def talk(hosted: Hosted) -> None:
        with pytest.MonkeyPatch.context() as former:  # a journal from when names were not looked at
            former.setattr("turnwise.servers.benchmarks.hosting.check_name", lambda name: None)
            won = await played(hosted, "red", [True, True, True], agent=EVIL, config={"remark": "unshown"})
        lost = await played(hosted, "blue", [False, False, True], config={"secret": "s"})
        async with hosted.client("blue") as http:
            found = (await http.get(BOARD)).json()
            assert [(run["declared"]["agent"], run["mine"]) for run in found["runs"]] == [
                (EVIL, False),
                ("tester", True),
            ]
            first = found["runs"][0]
            assert first["measured"]["success"]["value"] == 1.0 and first["source"] == "verified"
            assert (first["rank"], first["ties"], first["declared"]["cost"]) == (1, 1, 2.0)
            pair = (await http.get(f"{BOARD}/pair?a=0&b=1")).json()
            assert not pair["paired"] and pair["verdict"] == "tie" and pair["tasks"] == [3, 3]
            told = json.dumps([found, pair])
            for hidden in (won, lost, "unshown", "remark", '"red"', '"blue"', "slot", "secret_sha256"):
                assert hidden not in told
            assert (await http.get(f"{BOARD}/pair?a=0&b=7")).status_code == 404
            for query in ("first=-1", "count=501", "count=0", "first=x", "version=99999999999", "first=1e3"):
                assert (await http.get(f"{BOARD}?{query}")).status_code == 422, query
            assert (await http.get(f"{BOARD}?version=2")).json()["code"] == "unknown_board"
        for key in ("full", "judge"):  # keys that do not play it
            async with hosted.client(key) as http:
                assert (await http.get(BOARD)).json()["code"] == "unknown_board"
        async with stranger(hosted) as http:
            assert (await http.get(BOARD)).status_code == 401
            assert (await http.get("/board/board?of=vaults")).headers["www-authenticate"].startswith("Basic")
            first = await http.get("/board/")  # nothing is public here: a browser asks for the key at once
            assert first.status_code == 401 and first.headers["www-authenticate"].startswith("Basic")
            assert "vaults" not in first.text
            assert (await http.get("/board/mine")).status_code == 401
            assert (await http.get("/board")).headers["location"] == "/board/"
        async with stranger(hosted, "full") as http:
            assert (await http.get("/board/board?of=vaults")).status_code == 404
            assert "There is no board that you may see." in (await http.get("/board/")).text
        async with stranger(hosted, "blue") as http:
            page = await http.get("/board/board?of=vaults")
            assert page.status_code == 200 and "(this key)" in page.text and "<script>alert" not in page.text
            assert "&lt;script&gt;alert(1)&lt;/script&gt;\\x1b[31m\\u202e{{ 7 * 7 }}" in page.text
            policy = page.headers["content-security-policy"]
            assert "default-src 'none'" in policy and "unsafe" not in policy
            for hidden in (won, lost, "unshown", ">red<", SECRETS["blue"]):
                assert hidden not in page.text
            pair_page = await http.get("/board/board-pair?of=vaults&a=0&b=1")
            assert "Fisher" in pair_page.text and "<script>alert" not in pair_page.text
            assert (await http.get("/board/style.css")).headers["content-type"].startswith("text/css")
            assert (await http.get("/board/board?of=vaults&first=<b>")).status_code == 404

    host(talk, budget="parallel = 1")


def test_runs_of_the_same_tasks_are_compared_task_by_task(host: Any) -> None:
    async def talk(hosted: Hosted) -> None:
        for key, wins in (("red", [True, True, False]), ("blue", [False, True, False])):
            await played(hosted, key, wins)
        async with hosted.client() as http:
            pair = (await http.get(f"{BOARD}/pair?a=0&b=1")).json()
            page = (await http.get(BOARD)).json()
        runs = hosted.hosting.book.runs.values()
        frozen = hosted.hosting.benchmarks["vaults"]
        orders = [[task.number for task in frozen.tasks(run.id)] for run in runs]
        won = [
            {number for number, dealt in zip(order, run.dealt, strict=True) if dealt.outcome.success}
            for order, run in zip(orders, runs, strict=True)
        ]  # each run has an order of its own: tasks are paired by what they are, not by when they came
        assert (pair["better"], pair["worse"]) == (len(won[0] - won[1]), len(won[1] - won[0]))
        assert pair["paired"] and pair["tasks"] == [3, 3] and "task by task" in page["rules"][1]

    host(talk, top='draw = "fixed"', budget="attempts = 1")


@pytest.mark.parametrize(
    ("agent", "told"),
    [
        ("/home/me/secret/agents.py:Mine", "agents.py:Mine"),
        ("openai:http://10.0.0.7:8000/v1#small", "openai:small"),
        ("ckpt:/home/me/runs/first", "ckpt:first"),
        ("hf:org/model", "hf:org/model"),
        ("package.module:Class", "package.module:Class"),
        ("random", "random"),
    ],
)
def test_the_name_of_an_agent_tells_nothing_of_a_machine(agent: str, told: str) -> None:
    assert told_name(agent) == told


def test_a_public_board_is_for_anybody_and_shows_no_more_than_was_said(host: Any) -> None:
    async def talk(hosted: Hosted) -> None:
        await played(hosted, "red", [False, False, False], agent="before")
        body = hosted.file.read_text()
        before = hosted.hosting.benchmarks["vaults"].hash
        hosted.kill()
        hosted.file.write_text(
            body.replace("version = 1\n", 'version = 1\nboard = "public"\nboard_owners = true\n')
        )
        hosted.start()
        assert hosted.hosting.benchmarks["vaults"].hash == before  # it decides no score
        await played(hosted, "blue", [True, True, True], agent="after")
        async with stranger(hosted) as http:
            runs = (await http.get(BOARD)).json()["runs"]
            assert [(run["declared"]["agent"], run["owner"]) for run in runs] == [("after", "blue")]
            assert (await http.get(f"{BOARD}/pair?a=1&b=1")).status_code == 200
            assert (await http.get(f"{BOARD}/pair?a=0&b=1")).status_code == 404  # not one that it may see
            assert ">vaults<" in (await http.get("/board/")).text
            for path in ("/v1/benchmarks", "/v1/log", "/v1/envs", f"{BOARD}/", f"{BOARD}/x"):
                assert (await http.get(path)).status_code == 401, path
            assert (await http.post(BOARD, json={})).status_code == 401
        async with hosted.client("red") as http:
            runs = (await http.get(BOARD)).json()["runs"]
            assert [(run["declared"]["agent"], run["owner"]) for run in runs] == [
                ("after", "blue"),
                ("before", None),
            ]
        hosted.kill()
        hosted.file.write_text(body.replace("version = 1\n", 'version = 1\nboard = "none"\n'))
        hosted.start()
        async with hosted.client("blue") as http:
            assert (await http.get(BOARD)).status_code == 404
            assert (await http.get("/v1/benchmarks")).json()["benchmarks"][0]["board"] == "none"

    host(talk)


def test_a_withdrawn_run_stays_as_withdrawn(host: Any, tmp_path: Path) -> None:
    async def talk(hosted: Hosted) -> None:
        folder, run = hosted.folder / "operator", await played(hosted, "red", [True, True, True])
        async with hosted.client("blue") as http:
            open_run = await start(http)
            head = (await http.get("/v1/log")).json()
            requests = [ask(folder, id, "its agent was a person <b>") for id in (run, open_run, "0" * 32)]
            (folder / "private" / "withdraw" / f"{'1' * 32}.json").write_text("{")
            await hosted.hosting.sweep()
            assert [answer_to(request) for request in requests] == [
                "",
                "the run is not over, so that it has no record yet",
                "the journal of this server holds no such run",
            ]
            ask(folder, run, "again")  # is one already: nothing more is signed
            await hosted.hosting.sweep()
            assert (await http.get("/v1/log")).json()["head"]["size"] == 2
        hosted.kill()
        hosted.start()  # it is in the journal
        async with hosted.client("red") as http:
            (line,) = (await http.get(BOARD)).json()["runs"]
            assert line["rank"] is None and line["withdrawn"].endswith("Z: its agent was a person <b>")
            envelope = (await http.get(f"/v1/runs/{run}/record")).json()
            growth = (await http.get("/v1/log/1")).json()
        keys = {key.id: key for key in hosted.operator.keys}
        found = check(envelope, keys)
        assert found.problems == () and found.withdrawn.endswith("its agent was a person <b>")
        assert check_growth(head, growth, keys) == []
        leaves = [envelope, envelope["withdrawal"]]
        assert check_log(leaves, envelope["head"], keys) == []
        assert check_log(leaves[:1], envelope["head"], keys)  # left out: the head tells of two
        assert [one.sound for one in regrade(hosted.journal.notes())] == [True]
        async with stranger(hosted, "blue") as http:
            page = (await http.get("/board/board?of=vaults")).text
            assert "withdrawn, 20" in page and "a person &lt;b&gt;" in page

    host(talk)


def forged(envelope: dict[str, Any], other: Operator) -> list[dict[str, Any]]:
    """Return withdrawals that are none: of another key, of another run, of another place, changed, bent."""
    from turnwise.servers.benchmarks.records import canonical

    def bent(**changes: Any) -> dict[str, Any]:
        copied = copy.deepcopy(envelope)
        copied["withdrawal"].update(changes)
        return copied

    said = envelope["withdrawal"]["withdrawal"]
    return [
        bent(key=other.key.id, signature=other.sign("withdrawal", canonical(said))),
        bent(signature=other.sign("withdrawal", canonical(said))),
        bent(withdrawal={**said, "run": "0" * 32}),
        bent(withdrawal={**said, "reason": "another"}),
        bent(withdrawal={**said, "log": {**said["log"], "place": 0}}),
        bent(withdrawal=[]),
        bent(withdrawal=None),
        bent(proof=[]),
        {**copy.deepcopy(envelope), "withdrawal": "yes"},
        {**copy.deepcopy(envelope), "withdrawal": envelope},
    ]


def test_withdrawals_are_not_forged(host: Any, tmp_path: Path) -> None:
    async def talk(hosted: Hosted) -> None:
        runs = [await played(hosted, key, [True, False, True]) for key in ("red", "blue")]
        ask(hosted.folder / "operator", runs[0], "why")
        await hosted.hosting.sweep()
        async with hosted.client("red") as http:
            envelope = (await http.get(f"/v1/runs/{runs[0]}/record")).json()
        async with hosted.client("blue") as http:
            other = (await http.get(f"/v1/runs/{runs[1]}/record")).json()
        keys = {key.id: key for key in hosted.operator.keys}
        assert check(envelope, keys).withdrawn
        for number, wrong in enumerate(forged(envelope, Operator.new(hosted.folder / "other"))):
            found = check(wrong, keys)
            assert found.problems and not found.withdrawn, number
        moved = check({**other, "withdrawal": envelope["withdrawal"]}, keys)
        assert any("of another run" in problem for problem in moved.problems)
        assert not check(other, keys).withdrawn

    host(talk)


def test_a_rewritten_log_without_its_withdrawal_is_found(host: Any) -> None:
    async def talk(hosted: Hosted) -> None:
        run = await played(hosted, "red", [True, True, True])
        ask(hosted.folder / "operator", run, "why")
        await hosted.hosting.sweep()
        async with hosted.client() as http:
            witnessed = (await http.get("/v1/log")).json()
        await played(hosted, "blue", [True, True, True])
        keys = {key.id: key for key in hosted.operator.keys}
        log = hosted.hosting.book.log
        assert log is not None and check_growth(witnessed, log.since(2), keys) == []
        hidden = type(log)(log.id, hosted.operator)
        for _, kind, document in hosted.journal.notes():
            if kind == "record":
                hidden.add(document)  # the operator itself leaves the withdrawal out
        problems = check_growth(witnessed, hidden.since(2), keys)
        assert any("its past was rewritten" in problem for problem in problems)

    host(talk)


@pytest.mark.parametrize(
    ("run", "reason"), [("x", "why"), ("0" * 32, " "), ("0" * 32, "w" * 501), ("../" * 8, "w")]
)
def test_a_withdrawal_needs_a_run_and_a_reason(tmp_path: Path, run: str, reason: str) -> None:
    from turnwise.errors import UsageError

    Operator.new(tmp_path / "operator")
    with pytest.raises(UsageError, match=r"no id of a run|a reason of"):
        ask(tmp_path / "operator", run, reason)
    with pytest.raises(UsageError, match="no secret"):
        ask(tmp_path / "elsewhere", "0" * 32, "why")
    assert not (tmp_path / "operator" / "private" / "withdraw").exists()
    assert read_keys((tmp_path / "operator" / "keys.json").read_bytes(), "keys")
