"""Comparisons on the same tasks, by hand: tests, intervals, correction, and what is not comparable.

1. The exact sign test, the bootstrap and Holm's correction give what a hand computes.
2. Tasks are paired; what is unknown, or the machine's fault, is left out and counted; ties are ties.
3. Evaluations of different tasks are refused; tasks of their own are two samples, never paired.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from turnwise.__main__ import app
from turnwise.agents.comparison import TaskResults, between, compare, read_results
from turnwise.agents.evaluation.results import EvalRow
from turnwise.errors import UsageError
from turnwise.significance import bootstrap, holm, sign_test

ROW = EvalRow("t", 0, True, 1.0, 0.5, 2, 1, 0.0, 0, 0, "terminated", None, 0.5, "f")


def test_the_exact_sign_test_by_hand():
    assert sign_test(0, 0) == sign_test(1, 0) == sign_test(3, 3) == 1.0
    assert sign_test(5, 0) == 2 / 32
    assert sign_test(1, 7) == sign_test(7, 1) == 2 * (1 + 8) / 256
    assert sign_test(10, 2) == 2 * (1 + 12 + 66) / 4096
    with pytest.raises(UsageError, match="-1 worse"):
        sign_test(1, -1)


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03]) == [0.03, 0.06, 0.06]
    assert holm([0.5, 0.9]) == [1.0, 1.0] and holm([0.02]) == [0.02] and holm([]) == []


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_a_corrected_value_is_never_smaller_nor_in_another_order(values):
    found = holm(values)
    assert all(before <= after <= 1 for before, after in zip(values, found, strict=True))
    assert [a for _, a in sorted(zip(values, found, strict=True))] == sorted(found)
    assert min(found) == min(1.0, len(values) * min(values))


def test_the_bootstrap_agrees_with_the_binomial_law_that_it_samples():
    # 40 tasks, 10 better: the mean of a draw is Binomial(40, 1/4) / 40, whose quantiles are known.
    assert bootstrap([1.0] * 10 + [0.0] * 30) == (0.125, 0.4)  # 5/40 and 16/40: P(<=4) = .016, P(<=16) = .988
    # all alike: another task may come up to 1 - 0.025^(1/7) = .4096 of the time, and lie at -1 or 1
    assert bootstrap([0.25] * 7) == pytest.approx((-0.26202, 0.55721), abs=1e-5)
    assert bootstrap([1.0] * 20) == pytest.approx((1 - 2 * 0.16843, 1.0), abs=1e-5)
    assert bootstrap([7.0] * 3) == (7.0, 7.0)
    low, high = bootstrap([-1.0] * 5 + [1.0] * 5)
    assert low == -high == -0.6
    with pytest.raises(UsageError, match="finite"):
        bootstrap([float("nan")])


def results(name: str, *values: float | None, of: str = "x") -> TaskResults:
    return TaskResults(name, name, of, {str(at): value for at, value in enumerate(values)})


def test_pairs_ties_and_what_is_left_out():
    first = results("a", 1, 1, 1, 1, 1, 1, 1, 1, None, 0)
    second = results("b", 0, 0, 0, 0, 0, 0, 1, 0, 1)
    (pair,) = compare([first, second])
    found = pair.found
    assert (found.tasks, found.left_out, found.better, found.worse, found.ties) == ((8, 8), 2, 7, 0, 1)
    assert (found.first_mean, found.second_mean, found.difference) == (1.0, 0.125, 0.875)
    assert found.p_value == pair.corrected == 2 / 128 and pair.verdict == "a is better"
    three = compare([first, second, results("c", 0, 0, 0, 0, 0, 0, 0, 1)])
    assert [(one.first, one.second) for one in three] == [("a", "b"), ("a", "c"), ("b", "c")]
    assert [one.found.p_value for one in three] == [2 / 128, 2 / 128, 1.0]
    assert [one.corrected for one in three] == [6 / 128, 6 / 128, 1.0]
    assert [one.verdict for one in three] == ["a is better", "a is better", "tie"]


def test_what_cannot_be_compared_is_refused_with_the_reason():
    with pytest.raises(UsageError, match="two results or more, each once"):
        compare([results("a", 1), results("a", 1)])
    with pytest.raises(UsageError, match="a and b are of different tasks: x and y"):
        compare([results("a", 1), results("b", 1, of="y")])
    with pytest.raises(UsageError, match="a and b: there is no task of which both have a known result"):
        compare([results("a", None), results("b", 1)])


def test_tasks_of_their_own_are_not_paired():
    first = results("a", *[1.0] * 8)
    other = TaskResults("b", "b", "x", {f"other {at}": 0.0 for at in range(8)})
    for second in (other, replace(results("b", *[0.0] * 8), fresh=True)):
        found = between(first, second)
        assert (found.paired, found.tasks, found.difference) == (False, (8, 8), 1.0)
        assert found.p_value == pytest.approx(2 / 12870)  # two of the 16! / 8! / 8! ways to deal 8 successes


def folder(place: Path, *rows: EvalRow, kwargs: dict | None = None) -> Path:
    place.mkdir()
    settings = {"environment": "rooms", "kwargs": kwargs or {}, "agent": place.name}
    (place / "settings.json").write_text(json.dumps(settings))
    lines = [json.dumps(row.document()) + "\n" for row in rows]
    (place / "rows.jsonl").write_text("".join(lines) + '{"half')
    return place


def test_folders_are_read_with_the_last_row_that_counts(tmp_path):
    rows = [
        replace(ROW, seed=1),
        replace(ROW, seed=2, success=None, end="error"),
        replace(ROW, seed=2, success=False, episode_return=0.25),
        replace(ROW, seed=3, success=None, end="deadline"),
    ]
    place = folder(tmp_path / "a", *rows)
    assert read_results(place).values == {"1": 1.0, "2": 0.0, "3": None}
    assert read_results(place, "return").values == {"1": 1.0, "2": 0.25, "3": None}
    other = folder(tmp_path / "b", replace(ROW, seed=1, success=False), kwargs={"size": 2})
    with pytest.raises(UsageError, match="different tasks"):
        compare([read_results(place), read_results(other)])
    same = folder(tmp_path / "c", replace(ROW, seed=1, success=False))
    shown = CliRunner().invoke(app, ["compare", str(place), str(same), "--json"])
    (pair,) = json.loads(shown.stdout)["pairs"]
    told = pair["on_tasks"]
    assert (told["tasks"], told["left_out"], told["difference"], pair["verdict"]) == ([1, 1], 2, 1.0, "tie")


def test_a_task_of_a_record_that_was_given_up_is_worth_what_its_score_has_it(tmp_path):
    def record(metric: str, lost: float) -> Path:
        tasks = [
            {"slot": "0.0", "finished": True, "success": True, "score": 0.75, "return": 2.0},
            {"slot": "0.1", "finished": False, "success": None, "score": None, "return": 0.5},
        ]
        document = {
            "benchmark": {"name": "four", "hash": "h", "draw": "fixed", "metric": metric, "lost": lost},
            "declared": {"agent": "a"},
            "measured": {"tasks": tasks},
        }
        file = tmp_path / f"{metric}.json"
        file.write_text(json.dumps({"record": document}))
        return file

    by_success, by_score = record("success", 0.0), record("score", -1.0)
    assert list(read_results(by_success).values.values()) == [1.0, 0.0]
    assert list(read_results(by_score, "score").values.values()) == [0.75, -1.0]
    assert list(read_results(by_score).values.values()) == [1.0, 0.0]
    assert list(read_results(by_success, "score").values.values()) == [0.75, None]


def test_records_of_fixed_tasks_are_paired_and_of_fresh_ones_are_not(tmp_path):
    def record(name: str, draw: str, *successes: bool | None) -> Path:
        tasks = [{"slot": f"0.{at}", "success": won, "finished": True} for at, won in enumerate(successes)]
        document = {
            "benchmark": {"name": "four", "hash": "h", "draw": draw, "metric": "success", "lost": 0.0},
            "declared": {"agent": name},
            "measured": {"tasks": tasks[:: -1 if name == "b" else 1]},  # each run has an order of its own
        }
        file = tmp_path / f"{name}-{draw}.json"
        file.write_text(json.dumps({"record": document, "key": "k", "signature": "s"}))
        return file

    one, two = record("a", "fixed", True, False, None), record("b", "fixed", True, True, True)
    found = between(read_results(one), read_results(two))
    assert (found.better, found.worse, found.ties, found.left_out) == (0, 1, 1, 1)
    found = between(read_results(record("a", "fresh", True)), read_results(record("b", "fresh", True, False)))
    assert (found.paired, found.tasks, found.difference) == (False, (1, 2), 0.5)
    (tmp_path / "x.json").write_text("{}")
    with pytest.raises(UsageError, match="is not a record: KeyError: 'benchmark'"):
        read_results(tmp_path / "x.json")
