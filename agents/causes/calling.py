"""Rules of functions that are called."""

from __future__ import annotations

from ..types import Trajectory
from .registry import Rank, rule


def _sum(trajectory: Trajectory, tier: str) -> float:
    return sum(turn.rewards.get(tier, 0.0) for turn in trajectory.turns)


@rule("never_called", "it called no function", rank=Rank.TASK, family="calling")
def never_called(trajectory: Trajectory) -> bool:
    """Tell whether nothing was called."""
    return _sum(trajectory, "tool_calls") == 0


@rule("failed_calls", "at least half of its calls failed", rank=Rank.TASK, family="calling")
def failed_calls(trajectory: Trajectory) -> bool:
    """Tell whether it could not use the functions."""
    return 2 * _sum(trajectory, "error") >= _sum(trajectory, "tool_calls")


@rule(
    "wrong_answer", "the office was as it should be, and the answer was not", rank=Rank.TASK, family="calling"
)
def wrong_answer(trajectory: Trajectory) -> bool:
    """Tell whether only the answer was wrong."""
    return _sum(trajectory, "state") > 0


@rule(
    "wrong_object",
    "it ended with the office in another state than was asked for",
    rank=Rank.TASK,
    family="calling",
)
def wrong_object(trajectory: Trajectory) -> bool:
    """Tell whether it ended by itself with the wrong things changed."""
    return trajectory.end == "terminated"
