"""Dynamic sampling: groups without a difference give way to others (DAPO)."""

from __future__ import annotations

from ....errors import UsageError
from ...parts import Source
from .base import Candidates, is_dead, register


@register(
    "dynamic",
    source=Source(
        paper="DAPO, equation 11",
        ref="arXiv 2503.14476",
        how="the rule; at most 10 rounds",
        note="a round plays as many groups as are missing; where none has a difference the update has no "
        "gradient, and the run goes on",
    ),
)
async def dynamic(candidates: Candidates, *, max_rounds: int = 10) -> Candidates:
    """Refill groups whose rewards are all equal, a bounded number of times.

    DAPO, arXiv 2503.14476, equation 11: a group that is all right or all wrong gives
    no gradient, so sampling goes on until the batch is full of others. Each round
    plays as many groups as are missing, on new tasks. What is still missing after
    the last round stays missing; if no group at all has a difference, those of the
    first round stay, which is an update without a gradient.

    Args:
        candidates: its groups are judged by the environment's own rewards.
        max_rounds: of refilling, at least 1; 10 in the authors' runs.

    Raises:
        UsageError: if max_rounds is below 1.
    """
    if max_rounds < 1:
        raise UsageError(f"sampler dynamic: max_rounds is {max_rounds}; expected at least 1")
    live = [group for group in candidates.groups if not is_dead(group)]
    rounds, played = 0, len(candidates.groups)
    while len(live) < candidates.num_groups and rounds < max_rounds:
        found = await candidates.more(candidates.num_groups - len(live))
        rounds, played = rounds + 1, played + len(found)
        live += [group for group in found if not is_dead(group)]
    figures = {
        "sampling/rounds": float(rounds),
        "sampling/live": len(live) / max(1, played),
        "sampling/missing": float(max(0, candidates.num_groups - len(live))),
    }
    return candidates.keep(live or candidates.groups, figures)
