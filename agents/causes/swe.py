"""Rules of software engineering: a working tree is changed and handed in."""

from __future__ import annotations

from ..types import Trajectory
from .registry import Rank, rule


@rule("gave_up", "it handed in without having changed anything", rank=Rank.TASK, family="swe")
def gave_up(trajectory: Trajectory) -> bool:
    """Tell whether it ended by itself with nothing changed."""
    return trajectory.end == "terminated" and not _changed(trajectory)


@rule("changed_nothing", "it changed nothing until its turns were over", rank=Rank.TASK, family="swe")
def changed_nothing(trajectory: Trajectory) -> bool:
    """Tell whether it only looked."""
    return not _changed(trajectory)


@rule("never_submitted", "it changed something and never handed in", rank=Rank.TASK, family="swe")
def never_submitted(trajectory: Trajectory) -> bool:
    """Tell whether it was cut off while it worked."""
    return trajectory.metrics.get("completion") == 0.0


@rule("wrong_patch", "what it handed in does not resolve the task", rank=Rank.TASK, family="swe")
def wrong_patch(trajectory: Trajectory) -> bool:
    """Tell whether the patch was judged and found wrong."""
    return _changed(trajectory)


def _changed(trajectory: Trajectory) -> bool:
    return bool(trajectory.patch) or trajectory.metrics.get("modification", 0.0) > 0
