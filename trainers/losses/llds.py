"""LLDS: what was right or harmless must not become less likely.

Shapes: _N sampled tokens of a micro-batch.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from ...errors import UsageError
from ..parts import Source, check_choice
from .objective import TokenBatch
from .segments import segment_sum
from .terms import register_term


@register_term(
    "llds",
    whole={"gate": "response", "answer": False},
    source=Source(
        paper="On GRPO collapse in Search-R1",
        ref="arXiv 2512.04220",
        note="an action is a turn's message; the gate of a whole response (`gate`) and the mask of the "
        "answer (`answer`, the last message) are parameters",
    ),
)
def llds(
    batch: TokenBatch,
    *,
    coef: float = 0.2,
    gate: Literal["action", "response"] = "action",
    answer: bool = True,
) -> Tensor:
    """Return the likelihood-preserving term of "On GRPO Collapse in Search-R1" (arXiv 2512.04220).

    A message (a turn's sampled tokens) whose summed log-likelihood fell since the
    start of the batch pays, for each token with an advantage of at least 0, by how
    much that token's own log-likelihood fell; one that became likelier as a whole
    pays nothing. The sum is divided by all tokens of the mini-batch, penalised or
    not. An advantage of 0 counts as not bad, so groups without any difference
    are protected too.

    With a single update a batch nothing has moved yet and the term is 0.

    Args:
        batch: its `old_N` is the learner at the start of the batch.
        coef: the weight, 0.2 in the authors' runs.
        gate: what must have become less likely as a whole: the "action" (a turn's
            message; the authors' best, LLDS-A) or the "response", all messages of
            the trajectory (LLDS-R, and the paper's first version).
        answer: whether a trajectory's last message, which answers, is protected
            too; False masks it, the paper's variant with a masked answer.

    Raises:
        UsageError: if coef is negative.
        UnknownName: for another gate.
    """
    if coef < 0:
        raise UsageError(f"loss term llds: coef is {coef}; expected at least 0")
    check_choice("gate", gate, ("action", "response"))
    fall_N = batch.old_N - batch.logp_N
    together_N = batch.turn_N if gate == "action" else batch.trajectory_N
    kept_N = (segment_sum(fall_N.detach(), together_N) > 0) & (batch.advantage_N >= 0)
    if not answer:
        kept_N &= batch.turn_N < _last_turn(batch)
    paid_N = torch.where(kept_N, fall_N.clamp(min=0.0), torch.zeros_like(fall_N))
    return coef * paid_N.sum() / batch.num_tokens


def _last_turn(batch: TokenBatch) -> Tensor:
    """Return the last turn of each token's trajectory [N]."""
    last_S = batch.turn_N.new_zeros(len(batch.turn_N) and int(batch.trajectory_N.max()) + 1)
    return last_S.scatter_reduce(0, batch.trajectory_N, batch.turn_N, "amax")[batch.trajectory_N]
