"""Which failed episodes are played again, and how that is told.

1. A cause that playing again never cured is not tried for ever; one that was cured is.
2. An episode that could not end otherwise is not played again.
3. A rollout says it once, with counts, hostile text as text.
"""

from __future__ import annotations

import logging

import pytest

from turnwise.agents.policies.expert import ExpertPolicy
from turnwise.agents.rollout import RolloutConfig, TaskItem
from turnwise.agents.rollout.retries import Retries
from turnwise.agents.types import Trajectory


def failed(error: str) -> Trajectory:
    return Trajectory("e", "t", 0, "g", (), "error", error=error)


WON = Trajectory("e", "t", 0, "g", (), "terminated")


def test_a_cause_that_is_never_cured_is_left_after_three() -> None:
    retries = Retries(2)
    assert not retries.wanted(WON, 0)
    for turn in range(3):
        lost = failed(f"e at turn {turn}: the floor gave way")
        assert retries.wanted(lost, 0)
        retries.done(lost, failed(f"e at turn {turn + 1}: the floor gave way"))
    assert not retries.wanted(failed("e at turn 9: the floor gave way"), 0)
    other = failed("e at turn 9: connection lost")
    assert retries.wanted(other, 0)
    assert not retries.wanted(other, 2)
    assert retries.told() == (
        "episodes played again: 4, with success 0, and 1 more were not, since it never helped; "
        "causes: 3 times e at turn 0: the floor gave way; 1 times e at turn 9: connection lost"
    )


def test_a_cause_that_was_cured_once_stays_worth_a_try() -> None:
    retries = Retries(1)
    lost = failed("connection lost")
    retries.wanted(lost, 0)
    retries.done(lost, WON)
    for _ in range(9):
        assert retries.wanted(lost, 0)
        retries.done(lost, lost)


def test_nothing_is_told_of_nothing_and_hostile_causes_are_text() -> None:
    retries = Retries(1)
    assert retries.told() == ""
    assert retries.wanted(failed("bad\n\x1b[2J" + "x" * 1000), 0)
    assert "bad \\x1b[2Jxxx" in retries.told()
    assert len(retries.told()) < 400


def test_forty_alike_are_told_once(play, room, caplog: pytest.LogCaptureFixture) -> None:
    tasks = [TaskItem(room("Faulty"), seed=2 * place + 1) for place in range(40)]
    with caplog.at_level(logging.WARNING, "turnwise.agents"):
        result, _ = play(ExpertPolicy(), tasks, RolloutConfig(slots=2))
    (told,) = [record.getMessage() for record in caplog.records if record.name.startswith("turnwise.agents")]
    assert result.stats.errors == 40
    assert result.stats.retries <= 5
    assert told.startswith(f"episodes played again: {result.stats.retries}, with success 0, and ")
    assert "the floor gave way" in told


def test_a_prompt_that_never_fits_is_not_played_again(play, room) -> None:
    result, _ = play(
        ExpertPolicy(),
        [TaskItem(room("Corridor"))],
        RolloutConfig(max_tokens=8, max_episode_tokens=7, retries=3),
    )
    assert "before the first turn" in str(result.trajectories[0].error)
    assert result.stats.retries == 0
