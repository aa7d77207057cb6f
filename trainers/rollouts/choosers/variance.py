"""Tasks whose outcome is uncertain come more often (Single-stream Policy Optimization)."""

from __future__ import annotations

import numpy as np

from ....errors import UsageError
from ...parts import Source
from .base import Asked, Chosen, register
from .outcomes import outcomes, share_won


@register(
    "variance",
    source=Source(
        paper="Single-stream Policy Optimization",
        ref="arXiv 2509.13232",
        exact="by hand",
        how="the weights; the authors' code draws from a larger batch of prompts, here from all tasks",
        note="probabilities are those of the task's episodes so far, the authors' those of their tracker",
    ),
)
def variance(
    asked: Asked, *, power: float = 0.5, explore: float = 0.05, prior: float = 0.5, decay: float = 1.0
) -> Chosen:
    """Draw tasks without replacement, by (p (1 - p)) to a power and a little more.

    Args:
        asked: the tasks; p = (won + prior) / (episodes + 2 prior), so that a task never played has 0.5.
        power: of p (1 - p); 0.5 in the authors' code, the standard deviation of the outcome.
        explore: added to every weight; 0.05 in the authors' code.
        prior: wins and losses that a task has from the beginning.
        decay: what a task's former episodes count once it was played again, in (0, 1].

    Raises:
        UsageError: if a number is out of range.
        TrainingError: if the environment does not say whether its tasks were won.
    """
    if power < 0.0 or explore < 0.0:
        raise UsageError(f"chooser variance: power {power}, explore {explore}; expected at least 0")
    found = outcomes(asked, "variance", decay)
    share_P = share_won(found, prior)
    weight_P = (share_P * (1.0 - share_P)) ** power + explore
    chosen = asked.drawn(weight_P)
    figures = {"uncertainty": float(np.mean(weight_P[chosen.tasks]))}
    return Chosen(chosen.tasks, own=found.own, figures=figures)
