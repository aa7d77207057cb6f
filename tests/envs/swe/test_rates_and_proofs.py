"""Rates and proofs of verdicts, on verdicts made by hand and a task that grades without a box."""

from __future__ import annotations

import asyncio

import pytest

from turnwise.envs.sandbox import Spec
from turnwise.envs.swe.patches import submitted
from turnwise.envs.swe.prove import attempt, prove
from turnwise.envs.swe.rates import rates
from turnwise.envs.swe.task import Task, Verdict

ALL = ("no_submission", "empty_patch", "unapplicable", "tests_failed", "resolved", None)


def verdict(outcome, **more):
    return Verdict(outcome=outcome, reward=None if outcome is None else float(outcome == "resolved"), **more)


class Scripted(Task):
    """A task whose verdicts are given."""

    def __init__(self, gold, empty):
        self.id, self.instruction, self.spec, self.metadata = "t", "", Spec(), {}
        self.verdicts = {"gold": list(gold), "empty": list(empty)}

    async def prepare(self, box): ...
    async def test(self, box): ...

    async def grade(self, backend, patch, *, box=None):
        return self.verdicts["gold" if patch else "empty"].pop(0)

    def gold(self):
        return {"f": b""}


def test_rates_are_shares_of_the_scored():
    found = rates(verdict(outcome) for outcome in ALL)
    assert (found.scored, found.unscored) == (5, 1)
    assert (found.completion, found.modification, found.resolution) == (0.8, 0.6, 0.2)
    assert rates([verdict(None)]).resolution is None


def test_a_set_is_proved_by_every_run():
    good, bad = (
        verdict("resolved", tests={"a": True}),
        verdict("tests_failed", tests={"a": False}, cause="a failed"),
    )
    held = Scripted([good, good], [verdict("empty_patch")] * 2)
    flaky = Scripted([good, bad], [bad, bad])
    fooled = Scripted([good, good], [bad, good])
    unscored = Scripted([good, good], [bad, verdict(None, cause="no space")])
    proofs = asyncio.run(prove([held, flaky, fooled, unscored], None, times=2))
    assert [row.holds for row in proofs.rows] == [True, False, False, False]
    assert proofs.rows[1].flaky == ["a"] and proofs.rows[0].flaky == []
    assert str(proofs).splitlines() == [
        "t: gold 2/2, empty 0/2",
        "t: gold 1/2, empty 0/2: a failed",
        "t: gold 2/2, empty 1/2: resolved by nothing",
        "t: gold 2/2, empty 0/2: no space",
        "proved: 1 of 4",
    ]


def test_a_patch_is_graded_without_a_box_of_the_agent():
    assert (
        asyncio.run(attempt(Scripted([verdict("resolved")], []), None, lambda task: task.gold())).reward
        == 1.0
    )


@pytest.mark.parametrize("path", [".git/HEAD", "a/__pycache__/b.pyc", ".pytest_cache/x"])
def test_caches_are_not_submitted(path):
    assert submitted({path: b"", "a.py": None, "git": b"1"}) == {"a.py": None, "git": b"1"}
