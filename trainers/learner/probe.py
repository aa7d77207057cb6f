"""A rehearsal before a run: how far rounding alone moves a probability, and whether all can be computed.

Engine and learner compute the same logprobs in batches of other shapes: a conversation grows token by
token there, and is read as a whole here. In float32 and a few layers that differs by 1e-7, in 28 layers
and a vocabulary of 150 000 by 1e-4, in 16 bits by 1e-2. The probe reads some tokens in the arithmetic of
the run and in a finer one, at the run's temperature: what it finds is the rounding error of this model, and
two ways to compute it differ by no more than a few times that. It is taken where nine of ten tokens lie:
random tokens are no text, and one of them in 200 can move by ten times as much as any that a run samples.

Shapes: _N targets, _B rows, _L places.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_map

from ...agents.decoding import SamplingRows, replay, sample
from ...agents.models import CausalLM
from ...agents.sampling import Sampling
from ...errors import UsageError
from .forward import device_of, pad

_LENGTHS = (96, 61, 33, 17)
_SHARE = 0.9  # of the tokens, whose error is below what is measured
# Engine and learner each round once, and a run reads 100 times as many tokens as the probe. SmolLM2 in
# bfloat16: 0.11 nats by the probe; its runs were at 0.15 to 0.36 at worst and 0.0007 to 0.0015 nats of k3.
_WORST = 20.0
_MEAN = 2.0
_LEAST_RATIO = 1e-5  # the smallest tolerance: 80 times the step of float32 at 1
_LEAST_KL = 1e-10


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far behaviour and learner probabilities of one engine may lie apart."""

    ratio: float  # largest |new/behaviour - 1| of a token
    kl: float  # mean k3 of a token, nats
    measured: float  # |log new/finer| below which the probe found nine of ten tokens, nats

    def __str__(self) -> str:
        return (
            f"rounding moves nine of ten logprobs by less than {self.measured:.2g} nats; between engine and "
            f"learner one probability may differ by a factor of {1 + self.ratio:.7g}, and all by a KL of "
            f"{self.kl:.2g} nats a token"
        )


def rehearse(model: CausalLM, temperature: float = 1.0) -> Tolerance:
    """Measure the rounding of a model, and take a gradient through all that a run computes.

    Args:
        model: the learner's.
        temperature: of the run, above 0; a lower one widens what rounding does to logits.

    Raises:
        UsageError: if deterministic algorithms are asked for, and this device lacks one.
    """
    try:
        rows, targets = _probe(model, temperature)
        rough_N = _logprobs(model, rows, targets, temperature)
        torch.autograd.backward(rough_N.sum())
    except RuntimeError as error:
        if "determinis" not in str(error):
            raise
        cause = str(error).partition(". ")[0]
        raise UsageError(
            f"train.deterministic = true cannot be held on {device_of(model)}: {cause}. Set "
            "train.deterministic = false: runs of one seed will then differ in their last digits"
        ) from error
    finally:
        for parameter in model.parameters():
            parameter.grad = None
    return _tolerance(rough_N.detach(), _in_finer(model, rows, targets, temperature))


@torch.no_grad()
def _probe(model: CausalLM, temperature: float) -> tuple[list[Tensor], list[Tensor]]:
    """Return rows of random tokens, and for each place a token drawn as the engine draws."""
    rng, device = np.random.default_rng(0), device_of(model)
    lengths = [min(length, model.context_tokens) for length in _LENGTHS]
    rows = [torch.from_numpy(rng.integers(model.vocab_size, size=length)).to(device) for length in lengths]
    targets = []
    for row in rows:
        logits_LV = model.head(model.hidden(row[None], torch.tensor([len(row)], device=device))[0])
        asked = SamplingRows([Sampling(temperature)] * len(row), rng.random(len(row)), [None] * len(row))
        targets.append(torch.tensor(sample(logits_LV, asked).tokens))
    return rows, targets


def _logprobs(
    model: CausalLM, rows: Sequence[Tensor], targets: Sequence[Tensor], temperature: float
) -> Tensor:
    """Return the logprobs of the targets of all rows [N], read as one padded batch."""
    ids_BL, lengths_B = pad([row.cpu().numpy() for row in rows], device_of(model))
    hidden_BLD = model.hidden(ids_BL, lengths_B)
    hidden_ND = torch.cat([hidden_BLD[b, : len(row)] for b, row in enumerate(rows)])
    tokens = torch.cat(list(targets)).tolist()
    return replay(model.head(hidden_ND), tokens, [None] * len(tokens), temperature)[0]


class _Finer(TorchFunctionMode):
    """A mode in which every operation gets its numbers with more bits.

    Weights are widened for the operation that reads them, so that no second model is in memory; an
    embedding is looked up first.
    """

    def __init__(self, dtype: torch.dtype) -> None:
        super().__init__()
        self._dtype = dtype

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is not functional.embedding:
            args, kwargs = tree_map(self._widen, (args, kwargs))
        return func(*args, **(kwargs or {}))

    def _widen(self, value: Any) -> Any:
        floats = isinstance(value, Tensor) and value.is_floating_point()
        return value.to(self._dtype) if floats and value.dtype != self._dtype else value


@torch.no_grad()
def _in_finer(
    model: CausalLM, rows: Sequence[Tensor], targets: Sequence[Tensor], temperature: float
) -> Tensor:
    """Return the logprobs [N] in finer arithmetic; in float64 there is none."""
    dtype = next(iter(model.parameters())).dtype
    finer = torch.float32 if dtype.itemsize < 4 else torch.float64
    with _Finer(finer) if finer != dtype else nullcontext():
        return _logprobs(model, rows, targets, temperature)


def _tolerance(rough_N: Tensor, fine_N: Tensor) -> Tolerance:
    measured = float((rough_N.double() - fine_N.double()).abs().quantile(_SHARE))
    return Tolerance(max(_LEAST_RATIO, _WORST * measured), max(_LEAST_KL, (_MEAN * measured) ** 2), measured)
