"""Scores made again from a journal: equal to the records, until either is changed."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path

from typer.testing import CliRunner

from turnwise.__main__ import app
from turnwise.servers.benchmarks.regrade import Flip, regrade
from turnwise.servers.sessions.journal.format import notes_of, open_reader

from .conftest import Hosted, deal, play, start


def test_a_journal_gives_the_scores_of_its_records_until_one_of_them_is_changed(
    host: Callable[..., None], tmp_path: Path
) -> None:
    kept = {}

    async def conversation(hosted: Hosted) -> None:
        async with hosted.client() as http:
            run = await start(http)
            await play(hosted, http, run, [True, False, True])
            await deal(http, run, 3)
            kept["record"] = (await http.get(f"/v1/runs/{run}/record")).json()
            await start(http)  # open: nothing is said of it

    host(conversation)
    file, record = tmp_path / "journal.db", kept["record"]
    journal = open_reader(file)
    notes = list(notes_of(journal))
    journal.close()

    (one,) = regrade(notes)
    assert one.sound and one.recorded == one.now == 2 / 3
    assert (one.benchmark, one.agent) == ("vaults v1", "tester")

    forged = deepcopy(record)
    forged["record"]["measured"]["score"] = 1.0
    forged["record"]["measured"]["tasks"][1]["success"] = True
    del forged["record"]["measured"]["tasks"][2]
    stranger = {"record": {**record["record"], "run": "0" * 32}}
    sound, lied, unknown, nothing = regrade(notes, [forged, stranger, {}])
    assert sound.sound
    assert lied.flips == [
        Flip(None, "score", 1.0, 2 / 3),
        Flip(1, "success", True, False),
        Flip(2, "task", None, "in the journal"),
    ]
    assert "not one that the journal has closed" in unknown.problems[0] and nothing.problems

    lost = [note for note in notes if note[1] != "record"]
    assert regrade(lost)[0].problems == ["it is over, and the journal has no record of it"]
    broken = [(id, kind, {} if kind == "opened" else document) for id, kind, document in notes]
    assert all(
        "cannot be read" in each.problems[0] or "not over" in each.problems[0] for each in regrade(broken)
    )

    (tmp_path / "forged.json").write_text(json.dumps(forged))
    said = CliRunner().invoke(app, ["regrade", str(file)])
    assert said.exit_code == 0 and "runs judged again: 1, flipped: 0" in said.output
    with sqlite3.connect(file) as db:  # somebody makes a loss a win
        changed = db.execute(
            "UPDATE notes SET document = replace(document, '\"success\":false', '\"success\":true') "
            "WHERE kind = 'ended'"
        )
        assert changed.rowcount == 3
    db.close()
    said = CliRunner().invoke(
        app, ["regrade", str(file), "--record", str(tmp_path / "forged.json"), "--json"]
    )
    found = json.loads(said.stdout)
    assert said.exit_code == 1 and found["flipped"] == 2
    assert found["runs"][0]["now"] == 1.0 and found["runs"][0]["recorded"] == 2 / 3
    assert {flip["what"] for flip in found["runs"][0]["flips"]} >= {"score", "success"}
