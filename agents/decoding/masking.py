"""The mask of a second, slowly following policy: which tokens it lets be drawn (NLPO, arXiv 2210.01241).

The mask policy is a copy of the policy that is set to it now and then. At each token the likeliest of
the copy's distribution are kept, as far as the probabilities before them do not exceed `top_p`; equals by
the smaller token. What ends a message is always kept. Where a tree restricts what may be said, the copy's
distribution is the one over what the tree allows: something is always left. What is kept is then all that
the sampling transformation knows of the vocabulary, and so the support that a learner replays (replay.py):
nobody has to find it again in a second pass, whose rounding could put a token that was drawn outside.

Shapes: _B rows, _V vocabulary, _M rows of one kind, _S candidates of the widest.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ...errors import CheckpointError
from ..sampling import Mask
from .engine import Conversations, Engine
from .sampling import precise, running_sum


@dataclass(frozen=True, slots=True)
class MaskRow:
    """What is to be known of a row to mask its next token."""

    mask: Mask
    allowed: Sequence[int] | None  # ascending, by a tree; None: all
    ends: Sequence[int]  # tokens that end the message
    temperature: float


@dataclass(frozen=True, slots=True)
class Hidden:
    """What a mask did to one token."""

    allowed: Sequence[int] | None  # what is left, ascending; None: all
    share: float  # of the candidates that were masked
    mass: float  # their probability under the policy
    forbids: bool  # whether the policy's likeliest token is among them


@dataclass(frozen=True, slots=True)
class Masking:
    """The mask policy beside a batch: its engine, how many tokens it has of each row, and its version."""

    engine: Engine
    held: list[int]
    version: int

    def read(self, texts: Mapping[int, Sequence[int]]) -> Tensor:
        """Return the mask policy's logits [B, V] after the whole text of each of some rows, by number."""
        new = [text[self.held[row] :] for row, text in texts.items()]
        for row, text in texts.items():
            self.held[row] = len(text)
        return self.engine.append(list(texts), new)


@torch.inference_mode()
def hide(mask_BV: Tensor, own_BV: Tensor, rows: Sequence[MaskRow]) -> list[Hidden]:
    """Return what the mask leaves of each row; what a row gets does not depend on the others.

    Args:
        mask_BV: logits of the mask policy.
        own_BV: those of the policy.
        rows: what each row asks for.
    """
    found: dict[int, Hidden] = {}
    wide = [place for place, row in enumerate(rows) if row.allowed is None]
    if wide:
        candidates_MS = torch.arange(mask_BV.shape[1], device=mask_BV.device).expand(len(wide), -1)
        found |= _hidden(precise(mask_BV[wide]), precise(own_BV[wide]), candidates_MS, wide, rows)
    narrow = [place for place, row in enumerate(rows) if row.allowed is not None]
    if narrow:
        listed = [list(rows[place].allowed or ()) for place in narrow]
        width = max(map(len, listed))
        padded = [tokens + [-1] * (width - len(tokens)) for tokens in listed]
        candidates_MS = torch.tensor(padded, device=mask_BV.device)
        row_M1 = torch.tensor(narrow, device=mask_BV.device)[:, None]
        mask_MS, own_MS = (
            logits_BV[row_M1, candidates_MS.clamp(min=0)].double().masked_fill(candidates_MS < 0, -torch.inf)
            for logits_BV in (mask_BV, own_BV)
        )
        found |= _hidden(mask_MS, own_MS, candidates_MS, narrow, rows)
    return [found[place] for place in range(len(rows))]


def _hidden(
    mask_MS: Tensor, own_MS: Tensor, candidates_MS: Tensor, places: Sequence[int], rows: Sequence[MaskRow]
) -> dict[int, Hidden]:
    """Return what the mask leaves of the rows `places`, whose candidates below 0 are none."""

    def column(values: Sequence[float], dtype: torch.dtype = torch.float64) -> Tensor:
        return torch.tensor(values, dtype=dtype, device=mask_MS.device)[:, None]

    mine = [rows[place] for place in places]
    top_p_M1, least_M1 = column([row.mask.top_p for row in mine]), column([row.mask.least for row in mine])
    kept_MS = likeliest(mask_MS, top_p_M1, least_M1)
    for place, row in enumerate(mine):
        kept_MS[place] |= torch.isin(candidates_MS[place], candidates_MS.new_tensor(list(row.ends)))
    own_MS = (own_MS / column([row.temperature or 1.0 for row in mine], own_MS.dtype)).softmax(dim=-1)
    real_MS = candidates_MS >= 0
    mass_M = (own_MS * ~kept_MS).sum(dim=-1).tolist()
    forbids_M = (~kept_MS.gather(1, own_MS.argmax(dim=-1, keepdim=True)))[:, 0].tolist()
    num_M, left_M = real_MS.sum(dim=-1).tolist(), kept_MS.sum(dim=-1).tolist()
    tokens = candidates_MS[kept_MS].tolist()
    found, start = {}, 0
    for place, row, num, left, mass, forbids in zip(
        places, mine, num_M, left_M, mass_M, forbids_M, strict=True
    ):
        allowed = row.allowed if left == num else tuple(tokens[start : start + left])
        found[place] = Hidden(allowed, 1 - left / num, mass, forbids)
        start += left
    return found


def likeliest(logits_MS: Tensor, top_p_M1: Tensor, least_M1: Tensor) -> Tensor:
    """Return which candidates [M, S] are kept; those that come as -inf never are.

    In order of probability a candidate stays if those before it sum up to no more than top_p, or it is one
    of the `least` first: as the authors' code has it, where a sum that is exactly top_p lets one more pass.
    """
    ordered_MS, order_MS = logits_MS.sort(dim=-1, descending=True, stable=True)
    sums_MS = running_sum(ordered_MS.softmax(dim=-1))
    before_MS = torch.cat((torch.zeros_like(sums_MS[:, :1]), sums_MS[:, :-1]), dim=1)
    rank_S = torch.arange(logits_MS.shape[1], device=logits_MS.device)
    keep_MS = ((before_MS <= top_p_M1) | (rank_S < least_M1)) & (ordered_MS > -torch.inf)
    return torch.zeros_like(keep_MS).scatter(1, order_MS, keep_MS)


class MaskPolicy:
    """A copy of a model that moves only when it is set, and what it has cached of conversations.

    Weights that do not train (the model below an adapter) are shared with the original.

    Args:
        model: of the policy.
        conversations: makes the cache of a model.
        version: of the policy.
    """

    def __init__(self, model: Any, conversations: Callable[[Any], Conversations], version: int) -> None:
        shared = {id(weight): weight for weight in model.parameters() if not weight.requires_grad}
        self._model = copy.deepcopy(model, shared).eval()
        self.conversations = conversations(self._model)
        self.version = version

    @torch.no_grad()
    def set(self, model: nn.Module, version: int) -> None:
        """Take over the weights of the policy, and drop what older ones have cached."""
        own = _trained(self._model)
        for name, weight in _trained(model).items():
            own[name].copy_(weight)
        self.version = version
        self.conversations.clear()

    def state(self) -> dict[str, Any]:
        """Return version and weights, for a checkpoint."""
        weights = {name: weight.detach() for name, weight in _trained(self._model).items()}
        return {"version": self.version, "weights": weights}

    @torch.no_grad()
    def load(self, state: Mapping[str, Any]) -> None:
        """Take over what `state` returned.

        Raises:
            CheckpointError: if the weights are those of another model.
        """
        own, weights = _trained(self._model), state["weights"]
        wrong = own.keys() ^ weights.keys() or {
            name for name in own if own[name].shape != weights[name].shape
        }
        if wrong:
            raise CheckpointError(
                f"the mask policy of the checkpoint is of another model: {sorted(wrong)[:4]}"
            )
        for name, weight in own.items():
            weight.copy_(weights[name])
        self.version = int(state["version"])
        self.conversations.clear()


def _trained(model: nn.Module) -> dict[str, nn.Parameter]:
    return {name: weight for name, weight in model.named_parameters() if weight.requires_grad}
