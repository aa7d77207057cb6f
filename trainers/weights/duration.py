"""A weighter by how long the environment took: what is fast comes in more often, and so counts less."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ...agents.types import Turn
from ...errors import UsageError
from ..credit.base import Credit
from ..parts import Source
from .base import Lesson, register


@register(
    "duration",
    takes_lesson=True,
    source=Source(
        paper="Reinforcement Learning for Machine Learning Engineering Agents",
        ref="arXiv 2509.01684",
        exact="our reading",
        how="weights worked out by hand",
        note="its code could not be had, and of the paper only the idea: an action's gradient weighs as long "
        "as the action took, over the mean. Our reading: seconds are those from a call of the environment to "
        "its answer, the mean is over the turns of the batch that are learned from, `most` bounds a weight",
    ),
)
def duration(
    credit: Credit, turns: Sequence[Turn], lesson: Lesson, *, most: float = math.inf
) -> list[NDArray[np.float64]]:
    """Weigh turns by their seconds over the mean (arXiv 2509.01684).

    Where rollouts and updates overlap, fast actions come in more often in a given time; weights by
    duration make up for it. Seconds are of the clock on the wall: runs of one seed differ.

    Args:
        credit: turn advantages.
        turns: with the seconds that the environment took.
        lesson: which turns are learned from.
        most: a weight is cut at it.

    Raises:
        UsageError: if `most` is not positive, or no turn has a duration.
    """
    if not most > 0:
        raise UsageError(f"weights.most is {most}; expected a positive number, inf for no bound")
    seconds_R = np.array([turn.seconds for turn in turns], dtype=np.float64)
    mean = float(seconds_R[lesson.learned_R].mean()) if lesson.learned_R.any() else 0.0
    if len(turns) and not mean > 0:
        raise UsageError(
            "weights.name = 'duration', but no turn says how many seconds it took: it needs episodes that "
            "were played by turnwise's own rollout"
        )
    weight_R = np.minimum(seconds_R / (mean or 1.0), most)
    return [
        np.full(len(turn.generation.token_ids), advantage)
        for turn, advantage in zip(turns, weight_R * credit.advantage, strict=True)
    ]
