"""Boards made offline: what does not verify is not counted and told, and nothing hidden stays unseen.

1. Forged, cut, replayed, foreign, older, half-written records are refused with the reason; sound ones count.
2. With a head, a withdrawal that was left out is found; a withdrawn run is shown as withdrawn.
3. Markup and control characters in every text are shown as text; unsigned runs stand on boards of their own.
"""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from turnwise.__main__ import app
from turnwise.agents.comparison.standings import standings
from turnwise.agents.evaluation.results import EvalRow
from turnwise.servers.benchmarks.records import canonical, signed
from turnwise.servers.benchmarks.signing import Operator, keys_document
from turnwise.servers.benchmarks.withdrawals import ask
from turnwise.servers.board.static import document, page

from .conftest import Hosted, play, start

EVIL = "</style><script>alert(1)</script>\x1b[31m\u202e'\"&"


async def recorded(hosted: Hosted, key: str, wins: list[bool], agent: str = "tester") -> dict[str, Any]:
    """Play a run of an agent, whose name a server may have taken that took any; return its record."""
    async with hosted.client(key) as http:
        run = await start(http, config={"x": agent})
        known = hosted.hosting.book.runs[run]
        known.opening = replace(known.opening, agent=agent)
        await play(hosted, http, run, wins)
        await http.post(f"/v1/runs/{run}/next", json={"task": len(wins)})
        found: dict[str, Any] = (await http.get(f"/v1/runs/{run}/record")).json()
        return found


def write(folder: Path, **documents: Any) -> list[Path]:
    """Write documents as files; a text as it is."""
    files = []
    for name, one in documents.items():
        files.append(folder / f"{name}.json")
        files[-1].write_text(one if isinstance(one, str) else json.dumps(one))
    return files


def wrong_records(sound: dict[str, Any], foreign: Operator, operator: Operator) -> dict[str, Any]:
    """Return what is no record of this operator, each with a name that says how."""
    forged = copy.deepcopy(sound)
    forged["record"]["declared"]["agent"] = "the best"
    bent = copy.deepcopy(sound)
    bent["record"]["measured"]["score"] = 1.0
    older = {**sound["record"], "schema": 0}
    no_number = signed(operator, {**sound["record"], "run": "0" * 32, "attempt": "x"})
    return {
        "forged": forged,
        "score": {"record": bent["record"]},
        "cut": json.dumps(sound)[:-200],
        "twice": json.dumps(sound)[:-1] + ', "key": "another"}',
        "foreign": signed(foreign, sound["record"]),
        "older": {**sound, "record": older, "signature": operator.sign("record", canonical(older))},
        "no_proof": {name: sound[name] for name in ("record", "key", "signature")},
        "bent": no_number,
        "number": "1",
        "empty": "",
        "deep": "[" * 100_000,
        "nothing": {"record": None},
        "infinite": json.dumps({"record": sound["record"]}).replace('"seconds": ', '"seconds": 1e999, "x": '),
    }


def test_what_does_not_verify_is_not_counted(host: Any, tmp_path: Path) -> None:
    async def talk(hosted: Hosted) -> None:
        sound = await recorded(hosted, "red", [True, False, True], agent=EVIL)
        other = await recorded(hosted, "blue", [True, True, True])
        keys = {key.id: key for key in hosted.operator.keys}
        wrong = wrong_records(sound, Operator.new(tmp_path / "foreign"), hosted.operator)
        files = write(tmp_path, sound=sound, other=other, replayed=sound, **wrong)
        found = standings([*files, tmp_path / "missing", tmp_path], keys)
        assert [len(sheet.table) for sheet in found.sheets] == [2]
        told = {Path(name).stem: reason for name, reason in found.refused.items()}
        assert set(told) == {*wrong, "replayed", "missing", tmp_path.name}
        assert "same run as record 0" in told["replayed"] and "not over this record" in told["forged"]
        assert "not among the public keys" in told["foreign"] and "schema 0" in told["older"]
        assert "its score is 1.0" in told["score"] and "without the head" in told["no_proof"]
        assert "finite" in told["infinite"]
        shown = page(EVIL, found.sheets, {**found.refused, EVIL: EVIL}, [EVIL]).decode()
        assert "<script" not in shown and "\x1b" not in shown and "\u202e" not in shown
        assert shown.count("</style>") == 1 and "not known here: give --head" in shown
        assert "alert(1)" in shown and ">blue<" not in shown and hosted.operator.key.id not in shown
        (board,) = json.loads(document("x", found.sheets, found.refused))["boards"]
        assert [run["source"] for run in board["runs"]] == ["verified"] * 2 and len(board["pairs"]) == 1
        assert standings(files, None).sheets == []  # without keys nothing signed counts

    host(talk)


def test_a_withdrawal_cannot_be_left_out(host: Any, tmp_path: Path) -> None:
    async def talk(hosted: Hosted) -> None:
        before = await recorded(hosted, "red", [True, True, True])
        run = before["record"]["run"]
        ask(hosted.folder / "operator", run, "a person played it")
        await hosted.hosting.sweep()
        async with hosted.client("red") as http:
            after = (await http.get(f"/v1/runs/{run}/record")).json()
            head = (await http.get("/v1/log")).json()
        keys = {key.id: key for key in hosted.operator.keys}
        stripped = {name: value for name, value in after.items() if name != "withdrawal"}
        files = write(tmp_path, before=before, after=after, stripped=stripped)
        for hiding in (files[0], files[2]):
            (problem,) = standings([hiding], keys, head=head).problems
            assert "1 of them are not here" in problem
        found = standings([files[1]], keys, head=head)
        assert found.problems == [] and found.sheets[0].table.num_withdrawn == 1
        assert "withdrawn, 20" in page("x", found.sheets, {}).decode()
        other = {**head, "head": {**head["head"], "root": "00" * 32}}
        assert any("signature of the head" in one for one in standings([files[1]], keys, head=other).problems)
        for broken in ({}, {"head": 1}, {"head": {"log": after["record"]["log"]["id"], "size": "x"}}):
            assert standings([files[1]], keys, head=broken).problems
        public = tmp_path / "keys.json"
        public.write_text(json.dumps(keys_document(list(keys.values()))))
        out = tmp_path / "board.html"
        words = ["board", str(files[0]), "--keys", str(public), "--out", str(out)]
        assert CliRunner().invoke(app, words).exit_code == 0
        (tmp_path / "head.json").write_text(json.dumps(head))
        told = CliRunner().invoke(app, [*words, "--head", str(tmp_path / "head.json")])
        assert told.exit_code == 1 and "there may be withdrawals among them" in out.read_text()
        verified = CliRunner().invoke(app, ["verify", str(files[1]), "--keys", str(public)])
        assert verified.exit_code == 1 and "WITHDRAWN by the operator" in verified.output

    host(talk)


ROW = EvalRow("t", 0, True, 1.0, None, 2, 1, 0.25, 0, 0, "terminated", None, 0.5, "f")


def evaluation(folder: Path, agent: str, wins: list[bool | None], **row: Any) -> Path:
    """Write the folder of an evaluation."""
    folder.mkdir()
    settings = {"environment": EVIL, "kwargs": {}, "agent": agent}
    (folder / "settings.json").write_text(json.dumps(settings))
    rows = [replace(ROW, seed=seed, success=won, **row).document() for seed, won in enumerate(wins)]
    (folder / "rows.jsonl").write_text("".join(json.dumps(one) + "\n" for one in rows))
    return folder


def test_evaluations_are_self_reported(tmp_path: Path) -> None:
    wins = evaluation(tmp_path / "a", EVIL, [True] * 8)
    loses = evaluation(tmp_path / "b", "b", [False] * 8)
    others = evaluation(tmp_path / "c", "c", [True] * 3, fingerprint="another")
    unknown = evaluation(tmp_path / "d", "d", [None] * 3, episode_return=float("nan"))
    (evaluation(tmp_path / "e", "e", [True]) / "rows.jsonl").write_text("[]\n")
    found = standings([wins, loses, others, unknown, tmp_path / "e"])
    assert [len(sheet.table) for sheet in found.sheets] == [2, 1]
    assert {Path(name).name for name in found.refused} == {"d", "e"}
    sheet = found.sheets[0]
    first, second = (line.entry for line in sheet.table.page())
    assert (first.source, first.cost, first.cost_by, first.tasks) == ("self-reported", 2.0, "measured", 8)
    assert sheet.compare(first, second).p_value == 2 / 256
    shown = page("x", found.sheets, found.refused).decode()
    assert "<script" not in shown and "\x1b" not in shown and shown.count("<path") == 3
    assert "#2e8b57" in shown and "#c0392b" in shown  # won and lost, in the picture of all tasks
