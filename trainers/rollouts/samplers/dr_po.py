"""Resets: a share of the rollouts begins in states of successes that were stored (DR-PO)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ....agents.rollout import Beginning
from ....agents.rollout.beginning import digest_of
from ....agents.types import Trajectory
from ....errors import UsageError
from ...parts import Source
from .base import Attempt, Candidates, Group, check_told, register


@register(
    "dr_po",
    helps=True,
    source=Source(
        paper="DR-PO, Dataset reset policy optimization",
        ref="arXiv 2404.08495",
        exact="our reading",
        how="by the released trainer: how far into a success a rollout begins, drawn alike from one turn to "
        "all but the last, and that what it was given is not learned from",
        note="the successes are the run's own, where the authors have answers of people; turns where they "
        "have tokens. A group begins in one state, so that its rollouts compare. The authors reset each "
        "rollout with a chance (1 as released); here groups that are reset are played beside those that "
        "are not, so that they are a share of all",
    ),
)
async def dr_po(
    candidates: Candidates, *, share: float = 0.5, capacity: int = 256, size: int = 0
) -> Candidates:
    """Play further groups, each from one state of a stored success, so many that they are a share of all.

    DR-PO, arXiv 2404.08495. Successes of this update are stored after the groups were played;
    the state is reached by taking the stored actions again.

    Args:
        candidates: those from the first state; successes among them are stored.
        share: of all groups that begin in a stored state, from 0 to 0.9, once there are any.
        capacity: successes kept, first in, first out.
        size: rollouts of a group that begins in a stored state; 0: as many as the others have.

    Raises:
        UsageError: if a number is out of range.
        TrainingError: if an episode does not say whether it was won.
    """
    if not 0.0 <= share <= 0.9 or capacity < 1 or size < 0:
        raise UsageError(
            f"sampler dr_po: share {share}, capacity {capacity}, size {size}; expected a share from 0 to "
            "0.9, at least 1 success and no number below 0"
        )
    check_told(candidates.groups, "dr_po")
    stored = [_Success(*fields) for fields in candidates.state.values.get("successes", ())]
    num = round(share / (1.0 - share) * len(candidates.groups)) if stored else 0
    size = size or max(map(len, candidates.groups), default=0)
    drawn = [stored[candidates.rng.integers(len(stored))].start(candidates.rng) for _ in range(num)]
    played = await candidates.again([Attempt(one.env_id, one.seed, size, start) for one, start in drawn])
    kept = (*stored, *_successes(candidates.groups))[-capacity:]
    values = {**candidates.state.values, "successes": [each.kept() for each in kept]}
    found = candidates.keep((*candidates.groups, *played), _figures(drawn, played, len(candidates.groups)))
    found = found.keep(found.groups, {"sampling/stored": float(len(kept))})
    return replace(found, state=replace(candidates.state, values=values))


@dataclass(frozen=True, slots=True)
class _Success:
    """What was done to win a task, and digests of the states in which it was done."""

    env_id: str
    seed: int
    actions: list[str]
    states: list[str]

    @classmethod
    def of(cls, trajectory: Trajectory) -> _Success:
        """Take it out of a trajectory."""
        turns = trajectory.turns
        states = [digest_of(turn.state_key) for turn in turns]
        return cls(trajectory.env_id, trajectory.task_seed, [turn.action for turn in turns], states)

    def start(self, drawn: np.random.Generator) -> tuple[_Success, Beginning]:
        """Draw a beginning: at least one turn, and not all of them."""
        num = int(drawn.integers(1, len(self.actions)))
        return self, Beginning(tuple(self.actions[:num]), state=self.states[num])

    def kept(self) -> list[Any]:
        """Return it as JSON holds it."""
        return [self.env_id, self.seed, self.actions, self.states]


def _successes(groups: Sequence[Group]) -> list[_Success]:
    """Return the successes that can be begun again: nobody helped, one action a turn, at least two turns."""
    return [
        _Success.of(trajectory)
        for group in groups
        for trajectory in group
        if trajectory.counts and trajectory.success and not trajectory.aided and len(trajectory.turns) > 1
        if not any(turn.steps for turn in trajectory.turns)
    ]


def _figures(
    drawn: Sequence[tuple[_Success, Beginning]], played: Sequence[Group], others: int
) -> dict[str, float]:
    """Return for the log how many groups were reset, how far, and how many of their rollouts won."""
    outcomes = [bool(each.success) for group in played for each in group if each.counts]
    depths = [len(start.actions) / len(success.actions) for success, start in drawn]
    return {
        "sampling/reset": len(drawn) / max(1, len(drawn) + others),
        "sampling/reset_depth": float(np.mean(depths)) if depths else 0.0,
        "sampling/reset_success": float(np.mean(outcomes)) if outcomes else 0.0,
    }
