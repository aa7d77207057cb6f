"""A curriculum: tasks that are short and often won first, longer and harder ones later.

Shapes: _P tasks.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ....errors import UsageError
from ...parts import Source
from .base import Asked, Chosen, register
from .memory import Floats
from .outcomes import outcomes, share_won


@register(
    "curriculum",
    source=Source(
        paper="CRAFT-GUI",
        ref="arXiv 2508.11360",
        exact="our reading",
        note="stages from easy to hard by the length of trajectories and by difficulty; the paper sorts its "
        "data beforehand, here both are what the policy's own episodes were; all numbers are ours",
    ),
)
def curriculum(
    asked: Asked,
    *,
    updates: Sequence[int] = (40, 80),
    length: float = 0.5,
    explore: float = 0.25,
    prior: float = 0.5,
    decay: float = 0.7,
) -> Chosen:
    """Draw from the easiest part of the tasks, a larger one at each stage, and from tasks never played.

    A task's difficulty is length x (its mean turns over the most of any task) + (1 - length) x
    (1 - its success). With n numbers in `updates` there are n + 1 stages; at the k-th, tasks come
    from the easiest k / (n + 1). Where these are too few, more new ones come, then the next harder.

    Args:
        asked: the tasks.
        updates: at which each stage but the first begins, ascending.
        length: what turns count in a task's difficulty, in [0, 1]; the rest is failure.
        explore: the part of the groups that goes to tasks never played, while there are any.
        prior: wins and losses that a task has from the beginning.
        decay: what a task's former episodes count once it was played again, in (0, 1].

    Raises:
        UsageError: if a number is out of range.
        TrainingError: if the environment does not say whether its tasks were won.
    """
    if list(updates) != sorted(updates) or not (0.0 <= length <= 1.0 and 0.0 <= explore <= 1.0):
        raise UsageError(
            f"chooser curriculum: updates {list(updates)}, length {length}, explore {explore}; expected "
            "ascending updates, and numbers from 0 to 1"
        )
    found = outcomes(asked, "curriculum", decay)
    tasks = asked.tasks
    stage = 1 + sum(asked.update >= begin for begin in updates)
    hard_P = _difficulty(asked, share_won(found, prior), length)
    known = np.flatnonzero(tasks.played)
    limit = _quantile(hard_P[known], stage / (len(updates) + 1))
    new = np.flatnonzero(~tasks.played & ~asked.taken)
    old = np.flatnonzero(tasks.played & (hard_P <= limit) & ~asked.taken)
    num_new = min(len(new), int(np.ceil(explore * asked.num_groups)))
    num_old = min(len(old), asked.num_groups - num_new)
    num_new = min(len(new), asked.num_groups - num_old)
    chosen = np.concatenate(
        [asked.rng.choice(old, num_old, replace=False), asked.rng.choice(new, num_new, replace=False)]
    )
    if missing := asked.num_groups - len(chosen):
        left_P = -hard_P
        left_P[chosen] = -np.inf
        chosen = np.concatenate([chosen, asked.best(left_P, missing).tasks])
    met = tasks.played[chosen]
    figures = {"stage": float(stage), "limit": float(limit)} if len(known) else {"stage": float(stage)}
    if met.any():
        figures["difficulty"] = float(np.mean(hard_P[chosen][met]))
    return Chosen(chosen, own=found.own, figures=figures)


def _quantile(values: Floats, share: float) -> float:
    """Return the value below or at which that share of the values lies; infinite of none."""
    if not len(values):
        return np.inf
    place = min(len(values) - 1, max(0, int(np.ceil(share * len(values))) - 1))
    return float(np.partition(values, place)[place])


def _difficulty(asked: Asked, share_P: Floats, length: float) -> Floats:
    """Return how difficult each task is, from 0 to 1 [P]; of a task never played it says nothing."""
    turns_P = np.nan_to_num(asked.tasks.mean_turns)
    longest = max(1.0, float(turns_P.max(initial=0.0)))
    hard_P: Floats = length * turns_P / longest + (1.0 - length) * (1.0 - share_P)
    return hard_P
