"""Scaffolds: a group that failed gets one rollout that was helped by as little as it takes (Scaf-GRPO)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from ....agents.rollout import Beginning
from ....errors import UsageError
from ...parts import Source, check_choice
from .base import Candidates, put_in, register
from .solutions import Actions, climb, first_steps, kinds_of_steps

_STAGES = {"kinds": kinds_of_steps, "steps": first_steps}


@register(
    "scaf_grpo",
    helps=True,
    expert=True,
    source=Source(
        paper="Scaf-GRPO, Scaffolded group relative policy optimization",
        ref="arXiv 2510.19807",
        exact="our reading",
        how="by the released trainer: when a group is helped, that the weakest hint that wins counts, which "
        "rollout gives way, and that its hint stays in the prompt that is learned from",
        note="the hints are the environment's: the kinds of the expert's first steps, then the steps, each "
        "in four growing parts, where the authors have concepts, a plan and the steps of a written solution "
        "(their release leaves the plan out). Hints are tried from the weakest on until one wins; the "
        "release plays all at once and takes the same one. The exemption is 50 updates as released, where "
        "the paper has a share of the run",
    ),
)
async def scaf_grpo(
    candidates: Candidates,
    *,
    exempt: int = 50,
    stages: Sequence[str] = ("kinds", "steps"),
    parts: int = 4,
) -> Candidates:
    """Put one success that took a hint in the place of the first failure of a group that failed.

    Scaf-GRPO, arXiv 2510.19807. The words of the hint stand in the prompts of that rollout
    alone, and its tokens are learned from behind them: on-policy, as its policy saw them.

    Args:
        candidates: a group fails where nobody wins.
        exempt: updates at the beginning of a run without help.
        stages: what is told, from the weakest on: "kinds" of the expert's first steps, or the "steps".
        parts: how often a hint of a stage grows until it tells of all steps.

    Raises:
        UsageError: if a number is out of range, or the environment has no expert.
        UnknownName: for another stage.
        TrainingError: if an episode does not say whether it was won.
    """
    if parts < 1:
        raise UsageError(f"sampler scaf_grpo: parts is {parts}; expected at least 1")
    for stage in stages:
        check_choice("sampler scaf_grpo: stages", stage, tuple(_STAGES))
    rungs = [(stage, part) for stage in stages for part in range(1, parts + 1)]
    hints = [partial(_hint, stage=stage, part=part, parts=parts) for stage, part in rungs]
    climbed = await climb(candidates, hints, sampler="scaf_grpo", exempt=exempt, size=1)
    groups = list(candidates.groups)
    for place in climbed.won:
        (success,) = climbed.last[place]
        first = next(number for number, mine in enumerate(groups[place]) if mine.counts and mine.turns)
        groups[place] = put_in(groups[place], first, success)
    return candidates.keep(groups, climbed.figures([stage for stage, _ in rungs]))


def _hint(actions: Actions, *, stage: str, part: int, parts: int) -> Beginning | None:
    """Return the words of a part of a stage; None if they tell no more than the part before."""
    now, before = (-(-len(actions) * number // parts) for number in (part, part - 1))
    return Beginning(hint=_STAGES[stage](actions[:now])) if now > before else None
