"""Comparisons by hand: groups and their names, bands, intervals, differences, costs, and every form.

1. Student's law gives the quantiles of printed tables.
2. Runs of one recipe are a group whatever their seed; keys and labels make others.
3. Means, bands and differences over seeds and over tasks are what a hand computes.
4. What is not known is a dash with its reason; what is hostile stays text.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import turnwise
from turnwise.__main__ import app
from turnwise.agents.evaluation.results import EvalRow
from turnwise.errors import UnknownName, UsageError
from turnwise.intervals import student_mean, student_quantile

ROW = EvalRow("t", 0, True, 1.0, None, 2, 30, 0.0, 0, 0, "terminated", None, 0.5, "f")


def evaluation(place: Path, *won: bool | None, seed: int = 0, kwargs: Any = None, **more: Any) -> Path:
    place.mkdir(parents=True)
    settings = {"environment": "rooms", "kwargs": kwargs or {}, "agent": place.name}
    (place / "settings.json").write_text(json.dumps(settings))
    rows = [
        replace(ROW, seed=seed + at, success=each, episode_return=float(bool(each)) / 2, **more)
        for at, each in enumerate(won)
    ]
    (place / "rows.jsonl").write_text("".join(json.dumps(row.document()) + "\n" for row in rows))
    return place


def run(place: Path, seed: int, rates: list[float], last: list[bool], rate: float = 0.1) -> Path:
    """Write a run that was evaluated before training and after each update, and its last evaluation."""
    place.mkdir(parents=True)
    recipe = f'[optim]\nlearning_rate = {rate}\n[train]\nseed = {seed}\n[log]\nproject = "{place.name}"\n'
    (place / "recipe.toml").write_text(recipe)
    entries: list[dict[str, Any]] = []
    for update, success in enumerate(rates):
        spent = {"rollout/turns": 20.0, "total_tokens": 100 * update, "train_seconds": 2.0 * update}
        if update:
            entries.append({"kind": "update", "update": update, "success_rate": success, **spent})
        figures = {"success_rate": success, "reward": success / 2, "turns": 2.0, "tokens": 30.0}
        entries.append({"kind": "eval", "update": update, **{f"eval/{k}": v for k, v in figures.items()}})
    (place / "log.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    evaluation(place / "held_out" / f"update-{len(rates) - 1:06d}", *last, seed=900)
    return place


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Two learning rates, two seeds each."""
    folder = tmp_path / "runs"
    run(folder / "slow-1", 1, [0.2, 0.4, 0.4, 0.4], [True, False, False, False])
    run(folder / "slow-2", 2, [0.4, 0.6, 0.6, 0.6], [True, True, False, False])
    run(folder / "fast-1", 1, [0.2, 0.6, 0.7, 0.8], [True, True, True, False], 0.5)
    run(folder / "fast-2", 2, [0.4, 0.7, 0.8, 0.9], [True, True, True, True], 0.5)
    return folder


def test_students_law_is_that_of_the_tables() -> None:
    printed = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 7: 2.365, 10: 2.228, 29: 2.045, 30: 2.042}
    assert {freedom: round(student_quantile(freedom), 3) for freedom in printed} == printed
    assert round(student_quantile(5, 0.99), 3) == 4.032
    assert student_mean([1.0, 2.0, 3.0]) == pytest.approx((2 - 4.302653 / 3**0.5, 2 + 4.302653 / 3**0.5))
    assert student_mean([1.0]) is None
    with pytest.raises(UsageError, match="0 degrees"):
        student_quantile(0)


def test_seeds_are_a_group_with_bands_and_differences_by_hand(runs: Path) -> None:
    found = turnwise.compare([runs])
    fast, slow = found.lines
    assert (fast.label, fast.seeds, slow.label, slow.seeds) == ("fast", (1, 2), "slow", (1, 2))
    assert fast.figures["after"].values == pytest.approx((0.7, 0.8))  # of the last three evaluations
    assert slow.figures["before"].mean == pytest.approx(0.3)
    half = 12.7062 * 0.05  # t of one degree of freedom, times the standard error of .7 and .8
    assert (fast.low, fast.high) == pytest.approx((0.75 - half, 1.0), abs=1e-5)
    assert (fast.figures["training_tokens"].mean, fast.figures["training_turns"].mean) == (300.0, 60.0)
    curve = found.curves["held-out tasks"]["fast"]
    assert [point.spent["updates"] for point in curve] == [0, 1, 2, 3]
    first, last = ((point.mean, point.least, point.most) for point in (curve[0], curve[3]))
    assert first == pytest.approx((0.3, 0.2, 0.4)) and last == pytest.approx((0.85, 0.8, 0.9))
    assert curve[2].spent == {"updates": 2, "tokens": 200, "seconds": 4.0}
    (gap,) = found.gaps
    assert gap.pair is not None and gap.over_seeds is not None
    # on tasks the means of two seeds: fast 1, 1, 1, 1/2, slow 1, 1/2, 0, 0
    on = gap.pair.found
    assert (on.difference, on.better, on.worse, on.ties, on.p_value) == (0.5, 3, 0, 1, 0.25)
    # over seeds: .7 - .4 and .8 - .6, a mean of .25 and a standard error of .05
    assert gap.over_seeds.paired and gap.over_seeds.difference == pytest.approx(0.25)
    assert gap.over_seeds.low == pytest.approx(0.25 - half, abs=1e-5) and gap.verdict == "tie"
    assert found.recipes == {"optim.learning_rate": ("0.5", "0.1")}


def test_other_seeds_are_not_paired_and_one_seed_has_no_band(runs: Path) -> None:
    slow = [runs / "slow-1", runs / "slow-2"]
    other = run(runs / "other", 7, [0.2, 0.3], [False, True, False, True], 0.5)
    found = turnwise.compare({"a": [runs / "fast-1", other], "b": slow, "c": [runs / "fast-2"]})
    first, last = found.gaps[0].over_seeds, found.gaps[1]
    # .7 and .3 against .4 and .6: variances .08 and .02, standard error sqrt(.05), 1 degree of freedom
    assert first is not None and not first.paired and first.difference == pytest.approx(0.0)
    assert first.high == pytest.approx(12.7062 * 0.05**0.5, abs=1e-4)
    assert last.over_seeds is None and last.why == {"seeds": "c: one seed: nothing is known of others"}
    assert found.lines[2].low is None and "interval" in found.lines[2].why
    assert [point.spent["updates"] for point in found.curves["held-out tasks"]["a"]] == [
        0,
        1,
    ]  # what both have
    assert found.recipes == {"optim.learning_rate": ("0.5", "0.1", "0.5")}


def test_keys_and_labels_make_groups(runs: Path) -> None:
    run(runs / "long-1", 1, [0.2] * 5, [True] * 4)
    by_rate = turnwise.compare([runs], by="optim.learning_rate")
    assert [(line.label, len(line.members)) for line in by_rate.lines] == [
        ("learning_rate=0.5", 2),
        ("learning_rate=0.1", 3),
    ]
    assert (
        by_rate.lines[1].why["interval"] == "two of its runs have the same seed, so they are not independent"
    )
    with pytest.raises(UnknownName, match=r"optim\.learning_rate"):
        turnwise.compare([runs], by="optim.learning_rat")
    shown = CliRunner().invoke(app, ["compare", f"mine={runs}/slow-*", str(runs / "fast-1"), "--json"])
    assert [group["group"] for group in json.loads(shown.stdout)["groups"]] == ["mine", "fast-1"]
    for wrong in (f"mine={runs}/none-*", str(runs / "none"), f"={runs}/slow-*"):
        assert CliRunner().invoke(app, ["compare", wrong]).exception


def test_evaluations_are_compared_by_the_test_that_fits(tmp_path: Path, runs: Path) -> None:
    same = [evaluation(tmp_path / name, *won) for name, won in (("a", [True] * 6), ("b", [False] * 6))]
    own = evaluation(tmp_path / "own", *[False] * 6, seed=50, cost=0.25)
    elsewhere = evaluation(tmp_path / "elsewhere", True, kwargs={"size": 2})
    found = turnwise.compare([*same, own, elsewhere, runs / "slow-1"])
    paired, unpaired, apart, mixed = found.gaps[:4]
    assert paired.pair is not None and paired.pair.found.paired and paired.pair.found.p_value == 2 / 64
    assert unpaired.pair is not None and not unpaired.pair.found.paired
    assert unpaired.pair.found.p_value == pytest.approx(2 / 924)  # Fisher: 12! / 6! / 6! ways
    assert apart.pair is None and "different tasks" in apart.why["tasks"] and apart.verdict == "-"
    assert mixed.why["seeds"] == "one is of runs, the other of evaluations"
    first, third, last = found.lines[0], found.lines[2], found.lines[4]
    twins = [same[0], evaluation(tmp_path / "other" / "a", True)]
    assert [line.label for line in turnwise.compare(twins).lines] == list(map(str, twins))
    by = turnwise.compare([*twins, runs / "slow-1"], by="optim.learning_rate")
    assert [line.label for line in by.lines] == ["learning_rate=0.1", *map(str, twins)]
    assert (first.over, round(first.low or 0, 4), first.high) == ("tasks", 0.6097, 1.0)  # Wilson
    assert third.figures["dollars"].mean == 1.5 and first.why["dollars"] == "nothing was billed"
    assert first.why["updates"] == "an evaluation trains nothing" and last.kind == "run"


def test_records_tell_what_they_took(tmp_path: Path) -> None:
    tasks = [{"slot": f"0.{at}", "finished": True, "success": at < 2} for at in range(4)]
    figures = {"score": 0.5, "ci_low": 0.1, "ci_high": 0.9, "finished": 4, "turns": 10, "seconds": 7.5}
    record = {
        "benchmark": {"name": "four", "hash": "h", "draw": "fresh", "metric": "success", "lost": 0.0},
        "declared": {"agent": "a", "spent": {"cost": 0.25, "completion_tokens": 24}},
        "measured": {**figures, "tasks": tasks},
        **{"ended": "2026-11-29T10:00:00Z", "attempt": 1, "key": "red"},
    }
    files = [tmp_path / "whole.json", tmp_path / "cut.json"]
    files[0].write_text(json.dumps({"record": record}))
    files[1].write_text(json.dumps({"record": {**record, "measured": {"tasks": tasks}}}))
    whole, cut = turnwise.compare(files).lines
    spent = {name: found.mean for name, found in whole.figures.items()}
    assert spent == {"after": 0.5, "turns": 2.5, "tokens": 6.0, "seconds": 7.5, "dollars": 0.25}
    assert cut.figures["after"].mean == 0.5 and "not in the form of a record" in cut.why["turns"]
    assert turnwise.compare(files).gaps[0].pair.found.tasks == (4, 4)


def test_unknown_success_is_compared_by_return(tmp_path: Path) -> None:
    places = [evaluation(tmp_path / name, None, None) for name in "ab"]
    found = turnwise.compare(places)
    assert (found.metric, found.lines[0].figures["after"].mean) == ("return", 0.0)
    assert turnwise.compare(places, metric="success").lines[0].why["after"] == "no task of it tells"
    with pytest.raises(UsageError, match="expected a list"):
        turnwise.compare(str(places[0]))
    endless = evaluation(tmp_path / "endless", None)
    (endless / "rows.jsonl").write_text(
        (endless / "rows.jsonl").read_text().replace('"return": 0.0', '"return": NaN')
    )
    told = json.loads(turnwise.compare([places[0], endless]).text("json"), parse_constant=pytest.fail)
    assert [group["after"] for group in told["groups"]] == [0.0, None]
    broken = run(tmp_path / "broken", 1, [0.2, 0.4], [True])
    with (broken / "log.jsonl").open("a") as log:
        log.write('{"kind": "eval"}\n{"kind": "eval", "update": 2, "eval/success_rate": "much"}\n')
    assert turnwise.compare([broken]).lines[0].why["after"]
    with (broken / "log.jsonl").open("a") as log:
        log.write("[1]\n")
    with pytest.raises(UsageError, match="line 6: holds list; expected an object"):
        turnwise.compare([broken])
    with pytest.raises(UsageError, match="no episode of it counts yet"):
        turnwise.compare([evaluation(tmp_path / "none")])


def test_published_runs_come_to_what_was_published(tmp_path: Path) -> None:
    """The table of benchmarks/results/gated.md was made by a script of its own."""
    results = Path(__file__).parents[3] / "benchmarks" / "results"
    arms: dict[str, list[Path]] = {"gated": [], "direct": [], "outcome": []}
    for arm, places in arms.items():
        for log in sorted(results.glob(f"gated-{arm}-*.log.jsonl.gz")):
            place = tmp_path / log.name.partition(".")[0]
            place.mkdir()
            (place / "log.jsonl").write_bytes(gzip.decompress(log.read_bytes()))
            (place / "recipe.toml").write_bytes((results / f"{place.name}.recipe.toml").read_bytes())
            places.append(place)
    found = turnwise.compare(arms)
    assert [round(100 * line.figures["after"].mean, 1) for line in found.lines] == [39.4, 31.0, 45.6]
    assert [round(100 * line.figures["before"].mean, 1) for line in found.lines] == [41.9] * 3
    differences = [gap.over_seeds for gap in found.gaps]
    assert [each and (each.paired, round(100 * each.difference, 1)) for each in differences] == [
        (True, 8.3),
        (True, -6.2),
        (True, -14.6),
    ]
    text = found.text("markdown")
    assert "- gated and direct, and 1 other pair, on tasks: " in text and "log.held_out" in text
    assert max(map(len, text.splitlines())) < 400


def test_every_form(runs: Path, tmp_path: Path) -> None:
    hostile = evaluation(tmp_path / "=50% a_b|\u202e", True, False)
    found = turnwise.compare([runs / "slow-1", runs / "slow-2", hostile])
    assert found.text("latex") == LATEX
    chosen = found.text("latex", ["interval", "after"]).splitlines()
    assert chosen[3] == r"group & 95 \% interval & success in \% \\"
    assert chosen[5] == r"slow & 0.0 to 100.0 (seeds) & 50.0 \\"
    with pytest.raises(UnknownName, match="interval"):
        found.text("latex", ["intervall"])
    rows = list(csv.DictReader(io.StringIO(found.text("csv"))))
    assert [row["group"] for row in rows] == ["slow", "'=50% a_b|\\u202e"]
    assert (rows[0]["seeds"], rows[0]["after"], rows[1]["before"]) == ("1 2", "0.5", "")
    assert found.to_pandas()["after"].tolist() == [0.5, 0.5]
    text = found.text("markdown")
    assert "=50% a_b\\|\\u202e" in text and "\u202e" not in text
    dashes, _, left_out = text.partition("Columns left out, of which nothing is known:")
    assert "- US dollars of slow: no price of a run is known" in left_out
    assert "A dash is what is not known:" in dashes and "US dollars" not in dashes
    with pytest.raises(UnknownName, match="latex"):
        found.text("latx")  # type: ignore[arg-type]
    for name in ("picture.png", "picture.svg"):
        found.draw(tmp_path / name, over="tokens")
    assert (tmp_path / "picture.png").read_bytes()[:4] == b"\x89PNG"
    assert "held-out tasks" in (tmp_path / "picture.svg").read_text()
    with pytest.raises(UsageError, match=r"\.png, \.svg"):
        found.draw(tmp_path / "picture.gif")


def test_the_commands_of_the_page_run(runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name, first in (("first", "slow-1"), ("second", "fast-1"), ("sweep", "")):
        (tmp_path / "runs" / name).symlink_to(runs / first)
    for name in ("mine", "theirs"):
        (tmp_path / "runs" / f"{name}-1").symlink_to(runs / "slow-2")
    page = Path(__file__).parents[3] / "docs" / "compare.md"
    commands = re.findall(r"^turnwise (compare .*)$", page.read_text(), re.M)
    assert len(commands) >= 6
    for command in commands:
        done = CliRunner().invoke(app, shlex.split(command))
        assert done.exit_code == 0, (command, done.output, done.exception)


LATEX = r"""% needs \usepackage{booktabs}
\begin{tabular}{lrrrrrrrrrrr}
\toprule
group & seeds & before & success in \% & least to most & 95 \% interval & turns an episode \
& tokens an episode & updates & turns of training & tokens of training & seconds \\
\midrule
slow & 2 (1, 2) & 30.0 & 50.0 & 40.0 to 60.0 & 0.0 to 100.0 (seeds) & 2.0 & 30 & 3 & 60 & 300 & 6 \\
=50\% a\_b|\textbackslash{}u202e & -- & -- & 50.0 & -- & 9.5 to 90.5 (tasks) & 2.0 & 30 & -- & -- & -- & 1 \\
\bottomrule
\end{tabular}
""".replace("\\\n&", "&")
