"""Whether what we compute with a model is what it computes itself.

A model of the transformers library is used in two ways here: its hidden states and its output
embedding apart, for learning, and with a cache whose rows have holes, for sampling. Both are compared
with the model's own forward pass on a few tokens. What acts only on long texts or large logits is made
small for it, so that it is seen: windows of attention, caps on logits.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import torch
from torch import Tensor

from ...errors import CheckpointError
from .rows import KeptRow, Rows

_LENGTHS = (23, 14)  # tokens of the rows of the probe
_PIECES = (9, 2, 1)  # how many each row gets at once, then the rest
_SMALL = {"sliding_window": 8, "attention_chunk_size": 8, "final_logit_softcapping": 0.01}
# what is known to differ, for the message: the comparison decides
_SUSPECTS = (*_SMALL, "logit_scale", "logits_scaling", "lm_head_multiplier")
# Rounding: float32 differs in its last digits, 16 bits in the second.
_NOISE = {torch.float64: 1e-6, torch.float32: 1e-3}
_COARSE = 0.1
_USABLE = (
    "take a model whose layers attend to all that is before a token, and whose logits are a linear layer on "
    "its last hidden state"
)


class Computes(Protocol):
    """The part of a CausalLM that is compared, and the model of the library below it."""

    model: Any

    def hidden(self, ids_BL: Tensor, lengths_B: Tensor) -> Tensor:
        """Return hidden states; see CausalLM.hidden."""
        ...

    def head(self, hidden_ND: Tensor) -> Tensor:
        """Return logits; see CausalLM.head."""
        ...


def check_agreement(lm: Computes, name: str) -> None:
    """Refuse a model that learner or engine would compute otherwise than it does itself.

    Args:
        lm: the model as we use it.
        name: of the checkpoint, for the error.

    Raises:
        CheckpointError: with the largest difference and what in its configuration may cause it.
    """
    try:
        suspects = _suspects(lm.model)
        with torch.inference_mode(), _shrunk(lm.model):
            _check(lm, suspects, name)
    except (AttributeError, IndexError, RuntimeError, TypeError, ValueError) as error:
        cause = " ".join(str(error).split())[:300]
        raise CheckpointError(
            f"{name}: {type(lm.model).__name__} cannot be run as learner and engine run a model ({cause}); "
            f"{_USABLE}"
        ) from error


def _check(lm: Computes, suspects: str, name: str) -> None:
    model = lm.model
    device = next(model.parameters()).device
    generator = torch.Generator().manual_seed(0)
    most = int(model.get_input_embeddings().weight.shape[0])
    rows = [torch.randint(most, (length,), generator=generator).to(device) for length in _LENGTHS]
    own = [model(input_ids=row[None], use_cache=False).logits[0].float() for row in rows]
    ids_BL = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)
    hidden_BLD = lm.hidden(ids_BL, torch.tensor(_LENGTHS, device=device))
    learner = [lm.head(hidden_BLD[b, :length]).float() for b, length in enumerate(_LENGTHS)]
    compare("the learner", own, learner, model, suspects, name)
    places, engine = _in_pieces(model, rows)
    compare("the engine", [own[b][at] for b, at in enumerate(places)], engine, model, suspects, name)


def _in_pieces(model: Any, rows: list[Tensor]) -> tuple[list[list[int]], list[Tensor]]:
    """Run rows through the engine piece by piece; return the places of each, and the logits there."""
    engine = Rows(model, [KeptRow([], []) for _ in rows], ())
    places: list[list[int]] = [[] for _ in rows]
    logits: list[list[Tensor]] = [[] for _ in rows]
    starts = [0] * len(rows)
    for round_ in range(len(_PIECES) + 1):
        # the second row lags behind, so that holes come between
        ends = [
            min(start + _PIECES[round_] + (b == 0), len(row)) if round_ < len(_PIECES) else len(row)
            for b, (start, row) in enumerate(zip(starts, rows, strict=True))
        ]
        pieces = [row[start:end].tolist() for row, start, end in zip(rows, starts, ends, strict=True)]
        found_BV = engine.append(range(len(rows)), pieces).float()
        for b, end in enumerate(ends):
            places[b].append(end - 1)
            logits[b].append(found_BV[b])
        starts = ends
    return places, [torch.stack(row) for row in logits]


def _suspects(model: Any) -> str:
    config = model.config.get_text_config()
    values = {key: getattr(config, key, None) for key in _SUSPECTS}
    return ", ".join(f"{key} = {value}" for key, value in values.items() if value is not None)


@contextmanager
def _shrunk(model: Any) -> Iterator[None]:
    """Make windows shorter than the probe, and caps lower than its logits, while it runs."""
    former = [
        (holder, key, getattr(holder, key))
        for holder in (model.config.get_text_config(), *model.modules())
        for key in _SMALL
        if isinstance(getattr(holder, key, None), int | float)
    ]
    try:
        for holder, key, _ in former:
            setattr(holder, key, _SMALL[key])
        yield
    finally:
        for holder, key, value in former:
            setattr(holder, key, value)


def compare(who: str, own: list[Tensor], ours: list[Tensor], model: Any, suspects: str, name: str) -> None:
    """Refuse a model whose logits we compute otherwise than it does itself.

    Args:
        who: computes ours, for the error.
        own: logits of the model itself, row by row [places, V].
        ours: likewise.
        model: of the transformers library.
        suspects: what in its configuration may be the cause.
        name: of the checkpoint.

    Raises:
        CheckpointError: if they differ by more than rounding.
    """
    own_NV, ours_NV = torch.cat(own), torch.cat(ours)
    # relative to how far the logits lie apart: random weights say all with nearly the same probability
    spread = (own_NV - own_NV.mean(dim=-1, keepdim=True)).abs().max().clamp(min=1e-12)
    apart = float((own_NV - ours_NV).abs().max() / spread)
    if apart <= _NOISE.get(next(model.parameters()).dtype, _COARSE):
        return
    cause = f"; its configuration has {suspects}" if suspects else ""
    nats = float((own_NV.log_softmax(-1) - ours_NV.log_softmax(-1)).abs().max())
    raise CheckpointError(
        f"{name}: {who} would not compute what {type(model).__name__} computes itself: logprobs differ by up "
        f"to {nats:.3g} nats at {len(own_NV)} places of a probe{cause}; {_USABLE}"
    )
