"""Leaderboards, by hand: order and ranks, two runs compared, what a line says.

1. Ranks are one more than the runs that lie wholly above; adding, replacing and withdrawing keep them so.
2. Runs of the same tasks are paired; others are two samples, by Fisher's test or a permutation test.
3. A line takes success, cost and owner from a record, and guesses nothing.
"""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnwise.errors import UsageError
from turnwise.servers.board.entry import Entry, Figure, entry_of
from turnwise.servers.board.heat import heat_map
from turnwise.servers.board.pairs import MEANS, RATES, on_own_tasks, on_same_tasks
from turnwise.servers.board.table import Table
from turnwise.significance import fisher, newcombe, permutation, welch_interval


def line(id: str, low: float | None, value: float | None, high: float | None, withdrawn: str = "") -> Entry:
    score = None if value is None else Figure(value, low, high)
    return Entry(
        id, f"agent {id}", "verified", score, None, 9, 9, 9, 1.0, None, "", "2026", withdrawn=withdrawn
    )


def test_ranks_by_hand() -> None:
    table = Table()
    for entry in (
        line("c", 0.1, 0.2, 0.3),
        line("a", 0.8, 0.9, 1.0),
        line("b", 0.25, 0.5, 0.85),  # overlaps with a and with c
        line("one task", None, 0.7, None),
        line("unknown", None, None, None),
    ):
        table.add(entry)
    assert [(one.entry.id, one.rank, one.ties) for one in table.page()] == [
        ("a", 1, 1),
        ("b", 1, 2),
        ("c", 2, 1),
        ("one task", None, 0),
        ("unknown", None, 0),
    ]
    table.add(line("a", 0.8, 0.9, 1.0, withdrawn="2026: a mistake"))
    assert [(one.entry.id, one.rank, one.ties) for one in table.page()] == [
        ("b", 1, 1),
        ("c", 1, 1),
        ("one task", None, 0),
        ("unknown", None, 0),
        ("a", None, 0),
    ]
    assert (len(table), table.num_withdrawn) == (5, 1)
    assert [one.entry.id for one in table.page(1, 2)] == ["c", "one task"]
    assert [one.entry.id for one in table.page(4, 9)] == ["a"] and table.page(5, 9) == []


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 4), st.booleans()), max_size=20))
def test_ranks_are_what_counting_gives(rows: list[tuple[int, int, bool]]) -> None:
    table, kept = Table(), dict[str, Entry]()
    for number, (value, half, taken_back) in enumerate(rows):
        id = str(number % 7)  # some are replaced
        kept[id] = line(id, value - half, value, value + half, "why" if taken_back else "")
        table.add(kept[id])
    standing = [entry.score for entry in kept.values() if not entry.withdrawn and entry.score]
    found = table.page(0, 50)
    assert {one.entry.id for one in found} == set(kept)
    for one in found:
        score = one.entry.score
        assert score is not None and score.low is not None and score.high is not None
        if one.entry.withdrawn:
            assert one.rank is None
            continue
        assert one.rank == 1 + sum(other.low > score.high for other in standing)
        assert one.ties == sum(other.low <= score.high and other.high >= score.low for other in standing) - 1
    ranked = [one.entry.score.value for one in found if one.rank and one.entry.score]
    assert all(before >= after for before, after in pairwise(ranked))


def test_runs_of_the_same_tasks_are_paired() -> None:
    first = {"0.0": 1.0, "0.1": 1.0, "0.2": 1.0, "0.3": 1.0, "0.4": 1.0, "0.5": 1.0, "0.6": None}
    second = {"0.5": 0.0, "0.4": 0.0, "0.3": 0.0, "0.2": 0.0, "0.1": 0.0, "0.0": 0.0, "0.7": 1.0}
    found = on_same_tasks(first, second)
    assert (found.paired, found.tasks, found.left_out) == (True, (6, 6), 2)
    assert (found.better, found.worse, found.ties, found.p_value) == (6, 0, 0, 2 / 64)
    assert found.verdict == "the first is better" and found.difference == 1.0
    assert on_same_tasks(second, first).verdict == "the second is better"
    with pytest.raises(UsageError, match="no task of which both"):
        on_same_tasks({"0.0": 1.0}, {"0.1": 1.0})


def test_runs_of_their_own_tasks_are_two_samples() -> None:
    found = on_own_tasks([1.0] * 8 + [0.0, None], [1.0] * 2 + [0.0] * 7)
    assert (found.paired, found.test, found.tasks, found.left_out) == (False, RATES, (9, 9), 1)
    chances = [math.comb(9, k) * math.comb(9, 10 - k) / math.comb(18, 10) for k in range(1, 10)]
    by_hand = sum(chance for chance in chances if chance <= chances[7] * 1.0001)
    assert found.p_value == pytest.approx(by_hand) and found.verdict == "the first is better"
    assert found.better is found.worse is found.ties is None
    scores = on_own_tasks([0.1, 0.2, 0.3], [0.7, 0.8, 0.9])
    assert scores.test == MEANS and scores.verdict == "tie"  # 2 of 20 ways to deal them: p is 0.1
    assert scores.p_value == pytest.approx(0.1, abs=0.02)
    assert on_own_tasks([0.5], [0.25]).low is None
    with pytest.raises(UsageError, match="0 and 1 tasks"):
        on_own_tasks([None], [1.0])


def test_tests_of_two_samples_by_hand() -> None:
    assert fisher(3, 4, 1, 4) == pytest.approx(34 / 70)  # Fisher's tea
    assert fisher(4, 4, 0, 4) == pytest.approx(2 / 70) and fisher(0, 5, 0, 5) == 1.0
    assert fisher(60_000, 100_000, 59_000, 100_000) == pytest.approx(5.4e-6, rel=0.05)
    low, high = newcombe(56, 70, 48, 80)  # Newcombe 1998, table II, (a), method 10
    assert (round(low, 4), round(high, 4)) == (0.0524, 0.3339)
    assert permutation([1.0, 1.0], [1.0, 1.0]) == 1.0
    assert permutation([0.0] * 3000, [1.0] * 3000) == 0.0 < permutation([0.0] * 9, [1.0] * 9) < 0.01
    assert permutation([0.0, 1.0] * 2000, [1.0, 0.0] * 2000) == 1.0
    assert welch_interval([1.0], [1.0, 2.0]) is None
    low, high = welch_interval([1.0, 3.0], [0.0, 2.0]) or (0.0, 0.0)
    assert (low, high) == (
        pytest.approx(1 - 1.959964 * math.sqrt(2)),
        pytest.approx(1 + 1.959964 * math.sqrt(2)),
    )


def record(**spent: Any) -> dict[str, Any]:
    """Return a record of three tasks, one of which was not finished."""
    rows = [
        {"finished": True, "success": True, "slot": "0.0"},
        {"finished": True, "success": False, "slot": "0.1"},
        {"finished": False, "success": None, "slot": "0.2"},
    ]
    return {
        "measured": {"score": 1 / 3, "ci_low": 0.06, "ci_high": 0.79, "finished": 2, "turns": 5,
                     "seconds": 1.5, "tasks": rows},
        "declared": {"agent": "a" * 300, "config": {"secret": "s"}, "spent": spent},
        "ended": "2026-11-29T10:00:00.000Z",
        "attempt": 2,
        "key": "red",
    }  # fmt: skip


def test_a_line_says_what_the_record_says() -> None:
    entry = entry_of(record(cost=0.25, tokens=7), "4")
    assert entry.success is not None and entry.success.value == 1 / 3  # what was not finished was not won
    assert (entry.cost, entry.cost_by, len(entry.agent)) == (0.25, "declared", 200)
    told = entry.document(owners=True)
    assert told["owner"] is None and told["measured"]["finished"] == 2 and "cost" not in told["measured"]
    assert told["declared"] == {"agent": "a" * 200, "cost": 0.25} and "secret" not in str(told)
    shown = replace(entry, owner_shown=True)
    assert shown.document(owners=True)["owner"] == "red" and shown.document()["owner"] is None
    assert shown.document(mine="red")["mine"] and not shown.document(mine="blue")["mine"]
    unknown = record()
    unknown["measured"]["tasks"][1]["success"] = None
    assert entry_of(unknown, "4").success is None


@pytest.mark.parametrize("cost", [-1, True, "1", None, float("inf"), float("nan"), 1e300, [1]])
def test_a_cost_that_is_no_amount_is_none(cost: Any) -> None:
    assert entry_of(record(cost=cost), "4").cost is None


def test_the_picture_of_all_tasks() -> None:
    won, lost, unknown = "#2e8b57", "#c0392b", "#9aa3ad"
    drawn = heat_map(
        [("<b>\x1b", {"1": 1.0, "2": 1.0, "10": 0.0}), ("b", {"2": None, "10": 1.0})], label='"x"'
    )
    first, second = drawn.split("<text")[1:]
    # tasks in order of their numbers, 680 wide: two that were won are one piece, then one that was lost
    assert f'<path fill="{won}" d="M220.0 1h453.3v16h-453.3z"/>' in first
    assert f'<path fill="{lost}" d="M673.3 1h226.7v16h-226.7z"/>' in first
    assert f'<path fill="{unknown}" d="M220.0 19h453.3v16h-453.3z"/>' in second and won in second
    assert "&lt;b&gt;\\x1b" in first and 'aria-label="&quot;x&quot;"' in drawn
    returns = heat_map([("a", {"1": 2.0, "2": 4.0, "3": 3.0})], label="x")
    assert lost in returns and won in returns and "#f2d16b" in returns  # from the lowest to the highest
    many = {str(number): float(number % 2) for number in range(100_000)}
    assert len(heat_map([(str(number), many) for number in range(50)], label="x")) < 600_000
    assert heat_map([], label="x").endswith("</svg>")
