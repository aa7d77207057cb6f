"""How long episodes may be at each update: horizon schedules by name.

A schedule is a pure function of the number of the update. Long episodes are worth
their cost only once short ones are mastered; evaluation always has the whole
horizon, rollout.max_turns.
"""

from __future__ import annotations

from collections.abc import Sequence

from ...errors import UsageError
from ..parts import Named, Registry, Source

REGISTRY = Registry("horizon schedule", Named[int])
register, get, names, bind = REGISTRY.register, REGISTRY.get, REGISTRY.names, REGISTRY.bind


def horizon_at(schedule: Named[int] | None, update: int, max_turns: int) -> int:
    """Return the most turns of an episode.

    Args:
        schedule: a bound schedule; None is the whole horizon.
        update: counted from 0.
        max_turns: the whole horizon, which no schedule exceeds.

    Raises:
        UsageError: if the schedule asks for less than one turn, or refuses its parameters.
    """
    if schedule is None:
        return max_turns
    turns = int(schedule(update))
    if turns < 1:
        raise UsageError(
            f"rollout.horizon: {schedule.name} gives {turns} turns at update {update}; expected at least 1"
        )
    return min(turns, max_turns)


@register(
    "stages",
    source=Source(
        paper="ScalingInter-RL",
        ref="arXiv 2509.08755",
        how="the rule",
        note="the numbers of the stages are ours",
    ),
)
def stages(update: int, *, turns: Sequence[int], updates: Sequence[int]) -> int:
    """Go from one number of turns to the next at given updates.

    ScalingInter-RL of AgentGym-RL (arXiv 2509.08755) raises the number of
    interactions in a few fixed phases.

    Args:
        update: counted from 0.
        turns: of each stage.
        updates: at which each stage but the first begins, ascending.

    Raises:
        UsageError: if the numbers of both do not fit together.
    """
    if len(turns) != len(updates) + 1 or list(updates) != sorted(updates):
        raise UsageError(
            f"horizon stages: turns {list(turns)}, updates {list(updates)}; expected one turn number more "
            "than updates, and updates ascending"
        )
    return turns[sum(update >= begin for begin in updates)]


@register(
    "growing",
    source=Source(
        paper="Thinking vs. Doing (TTI)",
        ref="arXiv 2506.07976",
        how="the rule",
        note="adding and multiplying may act together",
    ),
)
def growing(update: int, *, start: int = 5, every: int = 10, add: int = 0, times: float = 1.0) -> int:
    """Add to the number of turns, or multiply it, every few updates.

    The additive and the multiplicative curriculum of "Thinking vs. Doing" (TTI,
    arXiv 2506.07976); ours lets both act.

    Args:
        update: counted from 0.
        start: turns at first.
        every: updates between two steps.
        add: turns a step.
        times: factor a step, on the start; at most 10.

    Raises:
        UsageError: if a number is out of range.
    """
    if start < 1 or every < 1 or add < 0 or not 1.0 <= times <= 10.0:
        raise UsageError(
            f"horizon growing: start {start}, every {every}, add {add}, times {times}; expected start and "
            "every of at least 1, add of at least 0, times from 1 to 10"
        )
    steps = update // every
    return int(start * times ** min(steps, 100)) + add * steps
