"""What the environment's own expert does in tasks that were failed, and how it is used to help."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ....agents.rollout import Beginning
from ....errors import UsageError
from .base import Attempt, Candidates, Group, check_told, has_failed

Actions = tuple[str, ...]
Rung = Callable[[Actions], Beginning | None]
"""What is given to an episode, by a solution; None where that would be nothing, or all."""


@dataclass(slots=True)
class Climbed:
    """What came of helping the groups that failed.

    Args:
        failed: how many did.
        tried: episodes that were helped.
        last: the group that was played last in place of each, by place.
        won: the rung at which somebody won, by place.
    """

    failed: int = 0
    tried: int = 0
    last: dict[int, Group] = field(default_factory=dict)
    won: dict[int, int] = field(default_factory=dict)

    def figures(self, names: Sequence[str]) -> dict[str, float]:
        """Return counts for the log; each rung is counted under its name."""
        rescued = dict.fromkeys((f"rescued_by_{name}" for name in names), 0)
        for rung in self.won.values():
            rescued[f"rescued_by_{names[rung]}"] += 1
        counts = {"failed": self.failed, "rescued": len(self.won), "helped": self.tried, **rescued}
        return {f"sampling/{name}": float(number) for name, number in counts.items()}


async def climb(
    candidates: Candidates, rungs: Sequence[Rung], *, sampler: str, exempt: int, size: int = 0
) -> Climbed:
    """Play the tasks of groups that failed again, with one rung after the other until somebody wins.

    A task that the expert does not win stays without help.

    Args:
        candidates: a group fails where nobody wins.
        rungs: what is given, the least first.
        sampler: for messages.
        exempt: updates at the beginning of a run without help.
        size: episodes of an attempt; 0: as many as the group has.

    Raises:
        UsageError: if the environment has no expert, or exempt is below 0.
        TrainingError: if an episode does not say whether it was won.
    """
    if exempt < 0:
        raise UsageError(f"sampler {sampler}: exempt is {exempt}; expected at least 0 updates")
    check_told(candidates.groups, sampler)
    groups, climbed = candidates.groups, Climbed()
    failed = [place for place, group in enumerate(groups) if has_failed(group)]
    if candidates.update < exempt or not failed:
        return climbed
    climbed.failed = len(failed)
    shown = await candidates.shown([Attempt.of(groups[place], 1, Beginning()) for place in failed])
    known = {
        place: tuple(turn.action for turn in played.turns)
        for place, (played,) in zip(failed, shown, strict=True)
        if played.success
    }
    for number, rung in enumerate(rungs):
        starts = {place: start for place, actions in known.items() if (start := rung(actions)) is not None}
        attempts = [Attempt.of(groups[place], size or len(groups[place]), at) for place, at in starts.items()]
        climbed.tried += sum(attempt.size for attempt in attempts)
        for place, played in zip(starts, await candidates.again(attempts), strict=True):
            climbed.last[place] = played
            if played and not has_failed(played):
                climbed.won[place] = number
                del known[place]
    return climbed


def first_steps(actions: Sequence[str]) -> str:
    """Return words that tell the first steps of a solution."""
    return f"Hint: a solution begins with these steps: {'; '.join(actions)}."


def kinds_of_steps(actions: Sequence[str]) -> str:
    """Return words that tell of which kinds the first steps of a solution are: the word each begins with."""
    kinds = [(action.split() or [""])[0] for action in actions]
    return f"Hint: a solution begins with these kinds of steps: {'; '.join(kinds)}."
