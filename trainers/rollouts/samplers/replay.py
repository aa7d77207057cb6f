"""Replay of successes: a group that failed as a whole is shown one that did not (ARPO of GUI agents)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ....agents.types import Trajectory
from ....errors import UsageError
from ...parts import Source
from .base import Candidates, Group, check_told, put_in, register, returns_of


@register(
    "replay",
    source=Source(
        paper="ARPO of GUI agents",
        ref="arXiv 2505.16282",
        how="when a group is replaced, how much is stored",
        note="the ratio of a replayed token is against the policy that sampled it; the authors' code "
        "recomputes it under the present one. The last failure of the group gives way",
    ),
)
async def replay(
    candidates: Candidates,
    *,
    capacity: int = 8,
    max_std: float = 0.05,
    max_mean: float = 0.2,
    max_tasks: int = 4096,
) -> Candidates:
    """Put one stored success of the same task in the place of the last failure of an all-failed group.

    ARPO, End-to-End Policy Optimization for GUI Agents with Experience Replay, arXiv
    2505.16282. Successes of this update are stored after the groups were looked
    at. A stored success keeps its tokens and its behaviour logprobs, so the ratio
    of the loss (optim.old_logprobs = "behaviour") or the off-policy weight
    (loss.off_policy) is against the policy that really sampled it; the authors'
    code takes the present policy's instead, which is our one departure.

    Args:
        candidates: tasks come again only with env.num_tasks set.
        capacity: successes kept a task, first in, first out; 8 in the authors' runs.
        max_std: a group counts as failed below this deviation (ddof 0) ...
        max_mean: ... and below this mean of its returns.
        max_tasks: tasks kept, the one met longest ago gives way.

    Raises:
        UsageError: if a number is out of range.
        TrainingError: if an episode does not say whether it was won.
    """
    if capacity < 1 or max_tasks < 1:
        raise UsageError(f"sampler replay: capacity {capacity}, max_tasks {max_tasks}; expected at least 1")
    check_told(candidates.groups, "replay")
    kept = dict(candidates.state.kept)
    groups, replayed = [], 0
    for group in candidates.groups:
        stored = kept.get(_task(group), ())
        if stored and _failed(group, max_std, max_mean):
            group, replayed = _swap(group, stored[candidates.rng.integers(len(stored))]), replayed + 1
        groups.append(group)
    for group in candidates.groups:
        wins = tuple(
            _detached(trajectory)
            for trajectory in group
            if trajectory.counts and trajectory.success and not trajectory.aided
        )
        if wins:
            name = _task(group)
            kept[name] = (*kept.pop(name, ()), *wins)[-capacity:]
    for name in list(kept)[: max(0, len(kept) - max_tasks)]:
        del kept[name]
    figures = {
        "sampling/replayed": replayed / max(1, len(groups)),
        "sampling/stored": float(sum(map(len, kept.values()))),
    }
    state = replace(candidates.state, kept=kept)
    return replace(candidates.keep(groups, figures), state=state)


def _task(group: Group) -> str:
    return f"{group[0].env_id} {group[0].task} {group[0].task_seed}"


def _failed(group: Group, max_std: float, max_mean: float) -> bool:
    returns = returns_of(group)
    return bool(returns) and float(np.std(returns)) < max_std and float(np.mean(returns)) < max_mean


def _detached(trajectory: Trajectory) -> Trajectory:
    """Return a trajectory that stands alone: of no tree, and without what annotators said of it."""
    turns = tuple(replace(turn, notes={}) for turn in trajectory.turns)
    return replace(trajectory, turns=turns, parent=None, branch_turn=None, sampled_by=())


def _swap(group: Group, stored: Trajectory) -> Group:
    return put_in(
        group, max(number for number, mine in enumerate(group) if mine.counts and mine.turns), stored
    )
