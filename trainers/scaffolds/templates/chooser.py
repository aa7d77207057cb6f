"""A task chooser: tasks that are won now and then come more often than those that always go alike."""

from __future__ import annotations

import numpy as np

from turnwise.trainers.rollouts.choosers import Asked, Chosen, register


@register("example")
def example(asked: Asked, *, explore: float = 0.1) -> Chosen:
    """Draw tasks, the more often the less certain their outcome is.

    Args:
        asked: how many groups, and what is remembered of each task.
        explore: the least weight of a task, and that of one that nobody has played, on top of the most.
    """
    rate = asked.tasks.success  # NaN where nothing is known yet
    known = ~np.isnan(rate)
    uncertain = np.where(known, rate * (1.0 - rate), 0.25)
    return asked.drawn(uncertain + explore, asked.num_groups)
