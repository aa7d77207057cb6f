"""The whole objective of a micro-batch: loss, KL, entropy, off-policy weight, aggregation.

Shapes: _N sampled tokens of a micro-batch (forced tokens are not among them).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from ...agents.decoding import Entropy
from ...errors import UnknownName, UsageError
from ..objective_config import Aggregation, Level, ObjectiveConfig
from . import base
from .kl import KL_KINDS, kl_estimate
from .offpolicy import CORRECTIONS, bounded, importance
from .segments import MAX_LOG_RATIO, segment_mean
from .terms import Term, bind_terms


@dataclass(frozen=True, slots=True)
class TokenBatch:
    """The sampled tokens of a micro-batch, flat."""

    logp_N: Tensor  # current policy, with gradient
    old_N: Tensor  # learner at the start of the batch
    behaviour_N: Tensor  # engine that sampled
    entropy_N: Tensor  # nats, of the replayed distribution
    advantage_N: Tensor
    weight_N: Tensor  # of the aggregation, over the whole mini-batch
    turn_N: Tensor  # int64, from 0
    trajectory_N: Tensor  # int64, from 0
    reference_N: Tensor | None = None
    stale_N: Tensor | None = None  # bool: sampled by an older policy, so engine and learner may differ
    num_minibatch: int = 0  # tokens of the whole mini-batch; 0: those of this piece
    group_N: Tensor | None = None  # int64, from 0
    filtered_N: Tensor | None = None  # old policy without its least likely tokens; -inf for these
    won_N: Tensor | None = None  # 1 where the trajectory solved its task, 0 where not, NaN if it is not known

    @property
    def num_tokens(self) -> int:
        """Return how many tokens the whole mini-batch has."""
        return self.num_minibatch or len(self.logp_N)

    def segments(self, level: Level) -> Tensor | None:
        """Return the segment of each token at a level; None for tokens themselves."""
        return {"token": None, "turn": self.turn_N, "trajectory": self.trajectory_N}[level]


@dataclass(frozen=True, slots=True)
class Outcome:
    """The value to differentiate, and sums over tokens for the log."""

    loss: Tensor
    sums: dict[str, Tensor]  # each a scalar: the sum over the tokens of this piece
    max_log_ratio: Tensor  # largest |log new/old|
    max_mismatch: Tensor  # largest |new/behaviour - 1|


class Objective:
    """The objective of a recipe, evaluated on pieces of a mini-batch.

    Raises:
        UnknownName: if the loss, a parameter of it, or another part is unknown.
        UsageError: for k1 as a loss term and for limits below 1.
    """

    def __init__(self, config: ObjectiveConfig) -> None:
        self.loss = base.bind(config)
        self.config = config
        self.terms: tuple[Term, ...] = bind_terms(config.terms)
        self.aggregation: Aggregation = config.aggregation or self.loss.aggregation
        self.ratio_level: Level = config.ratio_level or self.loss.ratio_level
        _known("aggregation", self.aggregation, base.AGGREGATIONS)
        _known("ratio level", self.ratio_level, base.LEVELS)
        _known("ratio level", config.off_policy_level, base.LEVELS)
        _known("off-policy correction", config.off_policy, CORRECTIONS)
        _known("KL estimate", config.kl, ("none", *KL_KINDS))
        if config.kl == "k1":
            raise UsageError(
                "loss.kl = 'k1' has an expected gradient of 0 as a loss term: use 'k3' or 'k2', "
                "or put k1 into the reward with reward.kl_coef"
            )
        if config.off_policy != "none" and not self.loss.credit:
            raise UsageError(
                f"loss.off_policy = {config.off_policy!r} with loss {self.loss.name!r}: the weight is that "
                "of a token's term, and this loss has none for single tokens; set loss.off_policy = 'none'"
            )
        if config.off_policy_limit < 1.0:
            raise UsageError(f"loss.off_policy_limit is {config.off_policy_limit}; expected at least 1")

    @property
    def teaches_all(self) -> bool:
        """Tell whether tokens without an advantage may have a gradient."""
        more = self.needs_reference or bool(self.config.entropy_coef) or bool(self.terms)
        return more or not self.loss.credit

    @property
    def entropy(self) -> Entropy:
        """Tell whether the entropy has a gradient: by its coefficient, or by a term that reads it."""
        return "learned" if self.config.entropy_coef or self.terms else "measured"

    @property
    def needs_reference(self) -> bool:
        """Tell whether reference logprobs are needed."""
        return self.config.kl != "none" and self.config.kl_coef > 0

    @property
    def min_p(self) -> float | None:
        """Return how the old policy is filtered whose logprobs the loss reads; None: it reads none."""
        name = self.loss.filtered_by
        return (
            float(self.config.params.get(name, base.get(self.config.name).defaults[name])) if name else None
        )

    @property
    def unit(self) -> Literal["turn", "trajectory", "group"]:
        """Return the level that a piece must not cut apart; with groups, the piece is the mini-batch."""
        if self.loss.sees == "groups":
            return "group"
        levels = {self.ratio_level}
        if self.config.off_policy != "none":
            levels.add(self.config.off_policy_level)
        whole = "trajectory" in levels or any(term.needs_whole for term in self.terms)
        return "trajectory" if whole else "turn"

    def __call__(self, batch: TokenBatch) -> Outcome:
        """Return the weighted sum over the tokens of this piece."""
        config = self.config
        log_ratio_N = batch.logp_N - batch.old_N
        ratio_N = self._ratio(log_ratio_N, batch)
        uncut_N, correction_N = self._off_policy(batch)
        loss, total_N, found = self._policy_loss(ratio_N, correction_N, batch)
        sums = {**_sums(batch, log_ratio_N.detach(), correction_N), **found}
        if config.off_policy != "none":
            sums["off_policy_uncut"], sums["off_policy_square"] = uncut_N.sum(), uncut_N.square().sum()
        if self.needs_reference:
            if batch.reference_N is None or config.kl == "none":
                raise UsageError("the objective has a KL term; give reference logprobs")
            kl_N = kl_estimate(config.kl, batch.logp_N, batch.reference_N)
            total_N = total_N + config.kl_coef * kl_N
            sums["kl"] = kl_N.detach().sum()
        if config.entropy_coef:
            total_N = total_N - config.entropy_coef * batch.entropy_N
        loss = loss + (total_N * batch.weight_N).sum()
        for term in self.terms:
            part = term(batch)
            loss = loss + part
            sums[term.name] = part.detach() * batch.num_tokens
        return Outcome(
            loss=loss,
            sums=sums,
            max_log_ratio=_max_abs(log_ratio_N.detach()),
            max_mismatch=_max_abs(_mismatch(batch).expm1()),
        )

    def _policy_loss(
        self, ratio_N: Tensor, correction_N: Tensor, batch: TokenBatch
    ) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        """Return the loss as one number and as one a token, one of them 0, and its sums for the log."""
        given = (batch.advantage_N, batch.logp_N) if self.loss.sees == "ratios" else (batch,)
        found = self.loss(ratio_N, *given)
        zero = ratio_N.new_zeros(())
        if isinstance(found, base.Whole):
            figures = {name: figure.detach() * batch.num_tokens for name, figure in found.figures.items()}
            return found.loss, torch.zeros_like(ratio_N), {"clip_low": zero, "clip_high": zero, **figures}
        sums = {
            "clip_low": zero if found.low_N is None else found.low_N.sum(),
            "clip_high": zero if found.high_N is None else found.high_N.sum(),
            **found.sums,
        }
        return zero, found.loss_N * correction_N, sums

    def _off_policy(self, batch: TokenBatch) -> tuple[Tensor, Tensor]:
        """Return the weight old/behaviour of each token as it is, and as it counts."""
        config = self.config
        if config.off_policy == "none":
            return torch.ones_like(batch.old_N), torch.ones_like(batch.old_N)
        segment_N = batch.segments(config.off_policy_level)
        weight_N = importance(batch.old_N, batch.behaviour_N, segment_N)
        return weight_N, bounded(config.off_policy, weight_N, config.off_policy_limit)

    def _ratio(self, log_ratio_N: Tensor, batch: TokenBatch) -> Tensor:
        """Return new/old at the ratio level; a token's gradient is that of its own logprob.

        In value each token has the geometric mean of its segment. Its gradient goes
        to its own logprob alone, as in GSPO-token (arXiv 2507.18071, section 4.3), so
        that advantages which differ inside a segment reach the tokens they belong to.
        """
        segment_N = batch.segments(self.ratio_level)
        if segment_N is not None:
            value_N = log_ratio_N.detach()
            log_ratio_N = log_ratio_N - value_N + segment_mean(value_N, segment_N)
        return log_ratio_N.clamp(-MAX_LOG_RATIO, MAX_LOG_RATIO).exp()


def _sums(batch: TokenBatch, log_ratio_N: Tensor, correction_N: Tensor) -> dict[str, Tensor]:
    mismatch_N = _mismatch(batch)
    return {
        "entropy": batch.entropy_N.detach().sum(),
        # k3 against the previous policy and the engine: never negative, whatever the sample
        "approx_kl": (log_ratio_N.clamp(-MAX_LOG_RATIO, MAX_LOG_RATIO).expm1() - log_ratio_N).sum(),
        "mismatch_kl": (mismatch_N.clamp(-MAX_LOG_RATIO, MAX_LOG_RATIO).expm1() - mismatch_N).sum(),
        "abs_log_ratio": log_ratio_N.abs().sum(),
        "off_policy_weight": correction_N.sum(),
        "off_policy_masked": (correction_N == 0).sum(),
    }


def _mismatch(batch: TokenBatch) -> Tensor:
    """Return log new/behaviour of each token, 0 where an older policy sampled it."""
    mismatch_N = batch.logp_N.detach() - batch.behaviour_N
    return mismatch_N if batch.stale_N is None else mismatch_N.masked_fill(batch.stale_N, 0.0)


def _max_abs(value_N: Tensor) -> Tensor:
    return value_N.abs().max() if value_N.numel() else torch.zeros(())


def _known(kind: str, given: str, known: tuple[str, ...]) -> None:
    if given not in known:
        raise UnknownName(kind, given, known)
