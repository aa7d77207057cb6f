"""Guidance: a group that failed is played again with the beginning of a solution (GHPO)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import pairwise

from ....agents.rollout import Beginning
from ....errors import UsageError
from ...parts import Source, check_choice
from .base import Candidates, register
from .solutions import Actions, climb, first_steps


@register(
    "ghpo",
    helps=True,
    expert=True,
    source=Source(
        paper="GHPO, Guided hybrid policy optimization",
        ref="arXiv 2507.10628",
        exact="our reading",
        how="by the released trainer: which groups are played again, with which shares of the solution, that "
        "all of a group gives way and what was played last stays",
        note="the solution is what the environment's expert does, counted in its actions, where the authors "
        "count the characters of a written one. As released its beginning stands in the prompt "
        '(given = "words"); with given = "turns" those actions are taken before the policy is asked, and '
        "are not learned from",
    ),
)
async def ghpo(
    candidates: Candidates,
    *,
    shares: Sequence[float] = (0.25, 0.5, 0.75),
    given: str = "words",
    exempt: int = 0,
) -> Candidates:
    """Play a group that failed again with more and more of the expert's actions, until somebody wins.

    GHPO, arXiv 2507.10628: 25 %, then 50 %, then 75 % of the solution. Nothing of what is
    given is learned from.

    Args:
        candidates: a group fails where nobody wins.
        shares: of the expert's actions, ascending, each in (0, 1).
        given: how: as "words" in the prompt, or as "turns" that are taken before the policy is asked.
        exempt: updates at the beginning of a run without help.

    Raises:
        UsageError: if a number is out of range, or the environment has no expert.
        UnknownName: for another way of giving.
        TrainingError: if an episode does not say whether it was won.
    """
    if not shares or not all(one < other for one, other in pairwise((0.0, *shares, 1.0))):
        raise UsageError(f"sampler ghpo: shares {list(shares)}; expected ascending ones between 0 and 1")
    check_choice("sampler ghpo: given", given, ("words", "turns"))
    rungs = [partial(_beginning, share=share, given=given) for share in shares]
    climbed = await climb(candidates, rungs, sampler="ghpo", exempt=exempt)
    groups = [climbed.last.get(place, group) for place, group in enumerate(candidates.groups)]
    return candidates.keep(groups, climbed.figures([f"{round(100 * share)}" for share in shares]))


def _beginning(actions: Actions, *, share: float, given: str) -> Beginning | None:
    """Return what a share of a solution gives to an episode; None where that leaves nothing to do."""
    num = max(1, round(share * len(actions)))
    if given == "words":
        return Beginning(hint=first_steps(actions[:num]))
    return Beginning(actions[:num]) if num < len(actions) else None
