"""What credit remembers from batch to batch: the estimator's state, and the last episode of each task."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

import numpy as np

from ...agents.types import Trajectory
from ..credit import Estimator
from .sequences import Floats, PackedBatch, pack

MOST_EPISODES = 2**16

Task = tuple[str, int]


@dataclass(frozen=True, slots=True)
class CreditMemory:
    """What an estimator remembers, if it does.

    Args:
        state: its own; None: nothing yet.
        last: the last episode of each task, for an estimator that asks how far the policy has moved
            since; the task met longest ago first.
    """

    state: Any = None
    last: Mapping[Task, Trajectory] = field(default_factory=dict)

    def columns(
        self,
        estimator: Estimator,
        trajectories: Sequence[Trajectory],
        logprobs: Callable[[PackedBatch], Floats],
    ) -> dict[str, list[float]]:
        """Return the column drift, where the estimator reads it: one value a turn.

        That is the mean |log-ratio| of the tokens of the task's last episode, between the policy
        that sampled them and the present one; 0 for a task that is new.

        Args:
            estimator: of the run.
            trajectories: of the batch.
            logprobs: gives the present policy's logprob of each target [N].
        """
        if not estimator.against_last:
            return {}
        tasks = [_task(trajectory) for trajectory in trajectories]
        known = [task for task in dict.fromkeys(tasks) if task in self.last]
        drift: dict[Task, float] = {}
        if known:
            batch = pack([self.last[task] for task in known])
            moved_N = np.abs(batch.behaviour_N - logprobs(batch))
            total_T = np.bincount(batch.trajectory_N, moved_N, minlength=len(known))
            count_T = np.bincount(batch.trajectory_N, minlength=len(known))
            drift = dict(zip(known, (total_T / np.maximum(count_T, 1)).tolist(), strict=True))
        pairs = zip(tasks, trajectories, strict=True)
        return {"drift": [drift.get(task, 0.0) for task, trajectory in pairs for _ in trajectory.turns]}

    def after(self, estimator: Estimator, state: Any, trajectories: Sequence[Trajectory]) -> CreditMemory:
        """Return what is remembered after a batch, and the state that the estimator came to."""
        if not estimator.against_last:
            return CreditMemory(state, self.last)
        last = dict(self.last)
        for trajectory in trajectories:
            last.pop(_task(trajectory), None)
            last[_task(trajectory)] = _bare(trajectory)
        return CreditMemory(state, dict(islice(last.items(), max(0, len(last) - MOST_EPISODES), None)))


def by_task(trajectories: Sequence[Trajectory]) -> dict[Task, Trajectory]:
    """Return trajectories by their tasks, in their order."""
    return {_task(trajectory): trajectory for trajectory in trajectories}


def _task(trajectory: Trajectory) -> Task:
    return trajectory.env_id, trajectory.task_seed


def _bare(trajectory: Trajectory) -> Trajectory:
    """Return an episode with what a learner reads, and little else; of no tree."""
    turns = tuple(
        replace(turn, observation="", info={}, notes={}, prompt=(), steps=()) for turn in trajectory.turns
    )
    alone = replace(trajectory, turns=turns, parent=None, branch_turn=None, sampled_by=())
    return replace(alone, final_observation="", instruction="", patch={}, metrics={}, seconds=0.0)
