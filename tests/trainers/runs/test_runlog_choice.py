"""Which trajectories a run keeps: whole groups, about as many as asked, and every failed one."""

from __future__ import annotations

from turnwise.agents.types import Trajectory
from turnwise.trainers.runs.log import choose

BATCH = [
    Trajectory("toy/room-v0", f"task {g}", g, f"group {g}", (), "error" if (g, m) == (5, 1) else "terminated")
    for g in range(8)
    for m in range(4)
]


def test_groups_stay_whole_and_failures_are_kept() -> None:
    kept = choose(BATCH, "sampled", 8)
    sizes = {group: sum(each.group == group for each in kept) for group in {each.group for each in kept}}
    assert sizes == {"group 0": 4, "group 4": 4, "group 5": 1}
    assert [each.end for each in kept if each.group == "group 5"] == ["error"]


def test_modes() -> None:
    assert choose(BATCH, "all", 1) == BATCH
    assert choose(BATCH, "none", 8) == []
    assert choose([], "sampled", 8) == []
    assert len(choose(BATCH, "sampled", 1)) == 4 + 1
    assert choose(BATCH, "sampled", 1000) == BATCH
