"""sGPO: as many members as it takes to expect one success, easy tasks first.

Shapes: _P tasks, _G groups.
"""

from __future__ import annotations

import numpy as np

from ....errors import TrainingError, UsageError
from ...parts import Source
from .base import Asked, Chosen, register
from .memory import Floats, TaskMemory


@register(
    "sgpo",
    source=Source(
        paper="sGPO",
        ref="arXiv 2606.08854",
        how="the sizes of groups; what the abstract says of filtering and order is our reading",
        note="the sample that tells a task's success rate is its first group, and trains too, the paper's is "
        "taken before training; how many unsolved tasks stay is ours",
    ),
)
def sgpo(asked: Asked, *, sample: int = 4, least: int = 2, most: int = 16, unsolved: float = 0.25) -> Chosen:
    """Give a task clip(round(1 / p), least, most) members; p is its success in a cheap first sample.

    First each task is sampled once, by a group of few members. Then tasks come from easy to
    hard, each as often as the others; those that the sample always won come no more, and of
    those that it never won a part; if none is left all come. An update plays as many groups as its
    episodes allow.

    Args:
        asked: the tasks.
        sample: members of a task's first group.
        least: members of a group, at least.
        most: members of a group, at most; those of a task that was never won.
        unsolved: the part of the tasks never won that is played further, in [0, 1].

    Raises:
        UsageError: if a number is out of range.
        TrainingError: if the environment does not say whether its tasks were won.
    """
    fewest = min(sample, least)
    if not asked.least_size <= fewest <= asked.num_episodes or least > most:
        raise UsageError(
            f"chooser sgpo: sample {sample}, least {least}, most {most}; expected at least "
            f"{asked.least_size} of each, no more for least than for most, and one group of the smallest "
            f"within the {asked.num_episodes} episodes that there are"
        )
    if not 0.0 <= unsolved <= 1.0:
        raise UsageError(f"chooser sgpo: unsolved is {unsolved}; expected a number from 0 to 1")
    tasks = asked.tasks
    rate_P, stays_P = _profile(tasks, asked.rng, unsolved)
    visits_P = tasks.own.get("visits", np.zeros(len(tasks)))
    new_P = np.isnan(rate_P)
    waits_P = new_P & (visits_P == 0)
    size_P = np.minimum(np.where(new_P, sample, _sizes(rate_P, least, most)), asked.num_episodes)
    # who waits for a first sample comes first, then whoever came least, the easiest first
    score_P = np.where(waits_P, 2.0, -2.0 * visits_P + np.where(new_P, 0.0, rate_P))
    comes_P = waits_P | (stays_P > 0)
    if comes_P.any():
        score_P = np.where(comes_P, score_P, -np.inf)
    num = min(int(np.sum(np.isfinite(score_P))), asked.num_episodes // fewest)
    chosen = asked.best(score_P, num).tasks
    fits = np.cumsum(size_P[chosen]) <= asked.num_episodes
    chosen = chosen[fits]
    visits_P = visits_P + np.bincount(chosen, minlength=len(tasks))
    own = {"rate": rate_P, "stays": stays_P, "visits": visits_P}
    figures = {"sampled": float(np.mean(~new_P)), "left": float(np.mean(comes_P))}
    return Chosen(chosen, size_P[chosen], own, figures)


def _profile(tasks: TaskMemory, rng: np.random.Generator, unsolved: float) -> tuple[Floats, Floats]:
    """Return what the first sample won of each task [P], NaN before it, and whether the task stays."""
    rate_P = tasks.own.get("rate", np.full(len(tasks), np.nan)).copy()
    stays_P = tasks.own.get("stays", np.ones(len(tasks))).copy()
    fresh_P = np.isnan(rate_P) & tasks.played
    if np.any(fresh_P & (tasks.told == 0)):
        raise TrainingError(
            'chooser sgpo goes by success, and the environment does not say info["won"]; let it, or train '
            "without this chooser"
        )
    rate_P[fresh_P] = tasks.success[fresh_P]
    stays_P[fresh_P & (rate_P == 1.0)] = 0.0
    never_P = np.flatnonzero(fresh_P & (rate_P == 0.0))
    stays_P[never_P[rng.random(len(never_P)) >= unsolved]] = 0.0
    return rate_P, stays_P


def _sizes(rate_P: Floats, least: int, most: int) -> Floats:
    """Return clip(round(1 / rate), least, most) of each task."""
    with np.errstate(divide="ignore", invalid="ignore"):
        wanted_P = np.rint(1.0 / rate_P)
    clipped: Floats = np.clip(np.nan_to_num(wanted_P, nan=least, posinf=most), least, most)
    return clipped
