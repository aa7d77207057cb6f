"""Suites: agents times environments, played, interrupted, reported.

1. A wrong file is refused before anything is played.
2. An interrupted suite goes on; only what failed by the machine's fault is played again.
3. Figures by hand: cost by prices, pairs on the same tasks, causes; a cell that cannot be played is said.
4. The report holds whatever text there is as text, asks for nothing, and says what was not written.
"""

from __future__ import annotations

import asyncio
import csv
import json
import sys
from dataclasses import replace
from html import unescape
from pathlib import Path

import pytest

from turnwise.agents.evaluation.results import EvalRow
from turnwise.agents.suite import figures, load, play
from turnwise.errors import TurnwiseError, UnknownName, UsageError
from turnwise.servers.client import connect
from turnwise.trainers.reports.suite import write_exports, write_page
from turnwise.trainers.reports.suite.exports import NO_PARQUET
from turnwise.trainers.reports.suite.heat import outcomes

FILE = """
name = "small <b>"
episodes = 4
[[agents]]
name = "expert"
agent = "expert"
prompt_price = 2.0
completion_price = 10.0
[[agents]]
name = "other"
agent = "script:{script}"
[[environments]]
name = "corridor"
id = "{env}"
[[environments]]
name = "faulty"
id = "{faulty}"
episodes = 2
[rollout]
max_turns = 4
retries = 0
"""


@pytest.fixture
def file(room, tmp_path) -> Path:
    (tmp_path / "script.txt").write_text("right\nright\nright\nright\n")
    place = tmp_path / "suite.toml"
    place.write_text(
        FILE.format(script=tmp_path / "script.txt", env=room("Corridor"), faulty=room("Treacherous"))
    )
    return place


class Enough(Exception):
    """The end of a test's patience."""


def test_an_interrupted_suite_goes_on_and_plays_again_only_the_machines_faults(file, tmp_path):
    floor = tmp_path / "floor"
    text = file.read_text().replace("episodes = 2\n", f'episodes = 2\nkwargs = {{floor = "{floor}"}}\n')
    file.write_text(text)
    suite, out = load(file), tmp_path / "out"
    floor.write_text("gone")
    seen = []

    def impatient(agent, env, row):
        seen.append((agent.name, env.called, row.seed))
        if len(seen) == 3:
            raise Enough

    def run(on_row=None):
        seen.clear()
        asyncio.run(play(suite, out, lambda: connect("local:"), on_row))

    with pytest.raises((Enough, BaseExceptionGroup)):
        run(impatient)
    early = figures(suite, out)
    assert not early.whole and 2 <= len(early.cells[0].rows) < 4 and early.cells[3].missing == 2
    run(lambda agent, env, row: seen.append((agent.name, env.called, row.seed)))
    found = figures(suite, out)
    assert found.whole and [len(cell.rows) for cell in found.cells] == [4, 2, 4, 2]
    lines = {
        cell: (out / cell / "rows.jsonl").read_text().splitlines()
        for cell in ("expert/corridor", "expert/faulty")
    }
    assert len(lines["expert/corridor"]) == 4
    assert [cell.found.errors for cell in found.cells if cell.found] == [0, 1, 0, 1]
    floor.write_text("there")
    run()
    again = (out / "expert/faulty/rows.jsonl").read_text().splitlines()
    assert [json.loads(line)["seed"] for line in again[len(lines["expert/faulty"]) :]] == [0]
    assert (out / "expert/corridor/rows.jsonl").read_text().splitlines() == lines["expert/corridor"]
    assert [cell.found.errors for cell in figures(suite, out).cells] == [0, 0, 0, 0]


def row(seed: int, success: bool | None, **more) -> EvalRow:
    values = {"prompt_tokens": 1000, "tokens": 100, "cost": 0.5, **more}
    return replace(
        EvalRow(f"t{seed}", seed, success, 1.0, None, 2, 1, 0.0, 0, 0, "terminated", None, 1.5, "f"), **values
    )


def fill(out: Path, agent: str, env: str, rows: list[EvalRow]) -> None:
    folder = out / agent / env
    folder.mkdir(parents=True)
    settings = {"environment": env, "kwargs": {}, "agent": agent}
    (folder / "settings.json").write_text(json.dumps(settings))
    (folder / "rows.jsonl").write_text("".join(json.dumps(each.document()) + "\n" for each in rows))


def test_figures_and_report_by_hand(file, tmp_path, monkeypatch):
    suite, out = load(file), tmp_path / "out"
    fill(out, "expert", "corridor", [row(seed, True) for seed in range(4)])
    hostile = "<script>alert(1)</script>\u202e"
    fill(
        out,
        "other",
        "corridor",
        [row(seed, seed > 1, cause="" if seed > 1 else "loops") for seed in range(4)],
    )
    (out / "expert" / "faulty").mkdir(parents=True)
    (out / "expert" / "faulty" / "failure.json").write_text(json.dumps({"cause": hostile}))
    fill(out, "other", "faulty", [row(0, None, error="=cmd()", end="error")])
    found = figures(suite, out)
    best, failed, worse, broken = found.cells
    assert best.money == pytest.approx(4 * (1000 * 2.0 + 100 * 10.0) / 1e6) and worse.money == 2.0
    assert (best.prompt_tokens, best.completion_tokens, best.seconds) == (4000, 400, 6.0)
    assert worse.found is not None and (worse.found.success_rate, worse.found.causes) == (0.5, {"loops": 2})
    assert (failed.failure, failed.found, failed.missing) == (hostile, None, 2)
    assert (broken.found, broken.missing, found.whole) == (None, 1, False)
    (pair,) = found.pairs
    assert (pair.env, pair.metric, pair.pair.found.difference, pair.pair.found.ties) == (
        "corridor",
        "success",
        0.5,
        2,
    )
    table = [list(values.values()) for _, values in outcomes([best, worse, broken])]
    assert table == [[1, 1, 1, 1], [0, 0, 1, 1], [None]]
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    told = write_exports(found, out)
    assert told == [NO_PARQUET]
    write_page(found, out / "report.html", told)
    page = (out / "report.html").read_text()
    assert "<script" not in page and "small &lt;b&gt;" in page and "\\u202e" in page
    assert "http" not in page.replace("http-equiv", "") and "default-src 'none'" in unescape(page)
    assert (
        page.count("<svg") == 2
        and page.count("#2e8b57") == 2
        and page.count("#c0392b") == 1
        and "50.0 %" in page
        and NO_PARQUET in unescape(page)
    )
    with (out / "rows.csv").open(newline="") as text:
        rows = list(csv.DictReader(text))
    assert len(rows) == 9 and rows[-1]["error"] == "'=cmd()" and rows[4]["cause"] == "loops"
    assert json.loads((out / "suite.json").read_text())["cells"][2]["causes"] == {"loops": 2}


def test_rows_are_parquet_too(file, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed (extra parquet)")
    suite, out = load(file), tmp_path / "out"
    fill(out, "expert", "corridor", [row(seed, seed > 0) for seed in range(2)])
    fill(out, "other", "corridor", [row(0, None, error="=cmd()", end="error"), row(1, True)])
    assert write_exports(figures(suite, out), out) == []
    rows = parquet.read_table(out / "rows.parquet").to_pylist()
    assert [(one["agent"], one["seed"], one["success"], one["error"]) for one in rows] == [
        ("expert", 0, False, None),
        ("expert", 1, True, None),
        ("other", 0, None, "=cmd()"),
        ("other", 1, True, None),
    ]


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (("[[agents]]", "[[agent]]"), UnknownName, "agent"),
        (('name = "other"', 'name = "EXPERT"'), UsageError, "expected names that differ"),
        (('name = "other"', 'name = "../up"'), UsageError, "agents has the name '../up'"),
        (("prompt_price = 2.0", "prompt_price = -1"), UsageError, "prices"),
        (("episodes = 4", "episodes = 0"), UsageError, "at least one"),
        (("max_turns = 4", "max_turns = 0"), UsageError, "max_turns"),
        (("[rollout]", "[rollout"), UsageError, "is not TOML"),
    ],
)
def test_a_wrong_file_is_refused(file, change, error, message):
    file.write_text(file.read_text().replace(*change))
    with pytest.raises(error, match=message) as caught:
        load(file)
    assert isinstance(caught.value, TurnwiseError)
