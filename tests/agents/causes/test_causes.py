"""Causes of failure on trajectories made by hand: one each, the first rule that holds.

1. Every rule of every family has a trajectory that it names.
2. Won and unknown episodes have no cause; every lost one has one.
3. A rule of one's own is registered like ours.
"""

from __future__ import annotations

import pytest

from turnwise.agents.causes import CAUSES, cause_of, rule
from turnwise.agents.causes.registry import Rank
from turnwise.agents.types import Generation, Trajectory, Turn
from turnwise.errors import UsageError


def lost(env: str, *actions: str, end="terminated", tiers=(), bad=(), **more) -> Trajectory:
    """Return a lost episode whose states all differ, unless `states` says otherwise."""
    states = more.pop("states", [f"s{at}" for at in range(len(actions))])
    said = more.pop("said", "stop")
    turns = tuple(
        Turn(
            at, states[at], states[at], action, 0.0, "s", Generation("", finish_reason=said),
            rewards=tiers[at] if tiers else {},
            malformed="malformed" in bad, inadmissible="inadmissible" in bad,
        )
        for at, action in enumerate(actions)
    )  # fmt: skip
    values = {"success": False, "instruction": "put some mugs on the desk", **more}
    return Trajectory(f"{env}/x-v0", "t", 0, "0", turns, end, **values)


CASES = [
    ("machine", lost("household", "look", end="error", error="gone", success=None)),
    ("machine", lost("search", end="deadline", success=None)),
    ("withheld", lost("swe", "a", "b", said="filtered")),
    ("malformed", lost("household", "a", "b", bad=["malformed"])),
    ("inadmissible", lost("household", "a", "b", bad=["inadmissible"])),
    ("repeats", lost("rooms", "x", "go", "go", "go", states="abbb")),
    ("loops", lost("rooms", "x", *["go", "back"] * 3, states="z" + "ab" * 3, end="horizon")),
    ("out_of_tokens", lost("rooms", "a", "b", end="tokens")),
    ("out_of_turns", lost("rooms", "go", "go", "go", states="abc", end="horizon")),
    ("wrong_end", lost("rooms", "a")),
    ("never_searched", lost("household", "look", "inventory")),
    ("found_nothing", lost("household", "go to desk 1", "open drawer 1", end="horizon")),
    ("wrong_object", lost("household", "go to desk 1", "take lamp 1 from desk 1")),
    (
        "not_treated",
        lost("household", "go to a 1", "take mug 1 from a 1", instruction="put a clean mug on the desk"),
    ),
    ("out_of_turns", lost("household", "go to a 1", "take mug 1 from a 1", end="horizon")),
    ("never_searched", lost("shopping", "click[buy now]")),
    ("wrong_object", lost("shopping", "search[a]", "click[buy now]", tiers=[{"found": 1}, {"outcome": 0.1}])),
    ("not_found", lost("shopping", "search[lamp]", end="horizon", tiers=[{"found": 0.0}])),
    ("wrong_options", lost("shopping", "search[a]", "click[buy now]", tiers=[{"found": 1, "opened": 1}, {}])),
    ("never_searched", lost("search", "<answer>Rome</answer>")),
    ("gave_up", lost("search", "<search>a</search>", "<answer>I don't know.</answer>")),
    ("gave_up", lost("search", "<search>a</search>", "<answer> </answer>")),
    (
        "not_found",
        lost("search", "<search>a</search>", "<answer>Rome</answer>", tiers=[{"supporting": 0.0}] * 2),
    ),
    ("wrong_answer", lost("search", "<search>a</search>", "<answer>Nonesuch</answer>")),
    ("never_called", lost("calling", "<answer>done</answer>")),
    (
        "failed_calls",
        lost("calling", "c", "<answer>done</answer>", tiers=[{"tool_calls": 1.0, "error": 1.0}, {}]),
    ),
    ("wrong_answer", lost("calling", "c", "a", tiers=[{"tool_calls": 1.0}, {"state": 1.0}])),
    ("wrong_object", lost("calling", "c", "a", tiers=[{"tool_calls": 1.0}, {"state": 0.0}])),
    ("gave_up", lost("swe", "submit")),
    ("changed_nothing", lost("swe", "ls", end="horizon")),
    ("never_submitted", lost("swe", "edit", end="horizon", patch={"a": 1}, metrics={"completion": 0.0})),
    ("wrong_patch", lost("swe", "edit", "submit", patch={"a": 1})),
]  # fmt: skip


@pytest.mark.parametrize(("cause", "trajectory"), CASES)
def test_the_first_rule_that_holds_names_the_cause(cause, trajectory):
    assert cause_of(trajectory) == cause


def test_every_rule_is_shown_by_a_trajectory():
    shown = {(cause, trajectory.env_id.partition("/")[0]) for cause, trajectory in CASES}
    for known in CAUSES:
        assert any(cause == known.name and known.family in ("", family) for cause, family in shown), known
    assert [known.rank for known in CAUSES] == sorted(known.rank for known in CAUSES)


def test_what_was_won_or_is_unknown_has_no_cause_and_what_was_lost_has_one():
    assert cause_of(lost("household", "look", success=True)) == ""
    assert cause_of(lost("household", "look", success=None)) == ""
    assert cause_of(lost("nowhere")) == "wrong_end"


def test_a_rule_of_ones_own_comes_in_at_its_rank():
    @rule("napping", "slept", family="rooms", rank=Rank.STUCK)
    def napping(trajectory: Trajectory) -> bool:
        return any(turn.action == "sleep" for turn in trajectory.turns)

    try:
        assert cause_of(lost("rooms", "sleep", end="horizon")) == "napping"
        assert cause_of(lost("rooms", "sleep", bad=["malformed"])) == "malformed"
        assert cause_of(lost("search", "sleep")) == "never_searched"
        with pytest.raises(UsageError, match="'napping' of rooms is registered already"):
            rule("napping", "", family="rooms", rank=Rank.END)
    finally:
        CAUSES[:] = [known for known in CAUSES if known.name != "napping"]
