"""How often tasks were won and lost, as choosers count it: old outcomes may fade.

Shapes: _P tasks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ....errors import TrainingError, UsageError
from .base import Asked
from .memory import Floats

_COLUMNS = ("won", "lost", "known_told", "known_won", "counted_at")


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Wins and losses of tasks, and what has to be remembered to go on counting.

    Args:
        won: of each task [P].
        lost: of each task [P].
        own: columns for `Chosen.own`.
    """

    won: Floats
    lost: Floats
    own: Mapping[str, Floats]


def outcomes(asked: Asked, name: str, decay: float = 1.0, fade: float = 1.0) -> Outcomes:
    """Return the wins and losses of the tasks.

    Args:
        asked: of the chooser.
        name: of the chooser, for messages.
        decay: what a task's former outcomes count once it was played again.
        fade: what all outcomes count one update later, in which the task is not played.

    Raises:
        UsageError: if a factor is not in (0, 1].
        TrainingError: if the environment does not say whether its tasks were won.
    """
    if not (0.0 < decay <= 1.0 and 0.0 < fade <= 1.0):
        raise UsageError(f"chooser {name}: factors {decay} and {fade} of old outcomes; expected 0 < x <= 1")
    tasks = asked.tasks
    if tasks.played.any() and not tasks.told.any():
        raise TrainingError(
            f'chooser {name} goes by success, and the environment does not say info["won"]; let it, or '
            "train without this chooser"
        )
    if decay == 1.0 and fade == 1.0:
        return Outcomes(tasks.won.astype(float), (tasks.told - tasks.won).astype(float), {})
    own = tasks.own if "won" in tasks.own else dict.fromkeys(_COLUMNS, np.zeros(len(tasks)))
    if "won" in tasks.own and tasks.own["counted_at"][0] == asked.update:
        return Outcomes(own["won"], own["lost"], {})  # asked again by a round of refilling
    told, won = tasks.told - own["known_told"], tasks.won - own["known_won"]
    factor = np.where(told > 0, decay, fade)
    counted = factor * own["won"] + won, factor * own["lost"] + (told - won)
    known = tasks.told.astype(float), tasks.won.astype(float), np.full(len(tasks), float(asked.update))
    return Outcomes(*counted, dict(zip(_COLUMNS, (*counted, *known), strict=True)))


def share_won(found: Outcomes, prior: float) -> Floats:
    """Return each task's probability of success [P]: (won + prior) / (won + lost + 2 prior).

    Raises:
        UsageError: if prior is not above 0.
    """
    if prior <= 0.0:
        raise UsageError(f"prior is {prior}; expected a number above 0, which tasks never played have")
    share: Floats = (found.won + prior) / (found.won + found.lost + 2 * prior)
    return share
