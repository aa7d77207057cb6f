"""VADE: tasks whose outcome is likely to be uncertain, by a draw from what is believed of each."""

from __future__ import annotations

import numpy as np

from ....errors import UsageError
from ...parts import Source
from .base import Asked, Chosen, register
from .outcomes import outcomes


@register(
    "vade",
    source=Source(
        paper="VADE",
        ref="arXiv 2511.18902",
        exact="our reading",
        note="the abstract says Beta beliefs, a Thompson draw that seeks information, and a decay at two "
        "scales; that both multiply counts, at each visit of a task and at each update without one, is ours, "
        "and so are their values",
    ),
)
def vade(asked: Asked, *, prior: float = 1.0, decay: float = 0.9, fade: float = 0.99) -> Chosen:
    """Draw a success rate p for each task from its Beta(wins, losses); take the largest p (1 - p).

    Args:
        asked: the tasks.
        prior: wins and losses that a task has from the beginning; 1 is a uniform belief.
        decay: what a task's former episodes count once it was played again, in (0, 1].
        fade: what they count one update later in which it was not played, in (0, 1].

    Raises:
        UsageError: if a number is out of range.
        TrainingError: if the environment does not say whether its tasks were won.
    """
    if prior <= 0.0:
        raise UsageError(f"chooser vade: prior is {prior}; expected a number above 0")
    found = outcomes(asked, "vade", decay, fade)
    won_P, lost_P = found.won + prior, found.lost + prior
    drawn_P = asked.rng.beta(won_P, lost_P)
    chosen = asked.best(drawn_P * (1.0 - drawn_P))
    belief_G = (won_P / (won_P + lost_P))[chosen.tasks]
    figures = {
        "believed": float(np.mean(belief_G)),
        "evidence": float(np.mean((won_P + lost_P)[chosen.tasks])),
    }
    return Chosen(chosen.tasks, own=found.own, figures=figures)
