"""The learner: from packed turns and their advantages to a policy update.

Three logprobs are kept apart: behaviour (the engine that sampled), old (this
model at the start of the batch) and current. A mini-batch is accumulated by the
declared aggregation over the whole of it, so the cut into micro-batches does not
change its gradient. Nothing is written into the weights before loss and
gradient of the whole mini-batch are known to be finite.

Shapes: _N targets of the batch.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ...agents.models import CausalLM
from ...errors import TrainingError, UsageError
from ..losses import Objective, TokenBatch, aggregation_weights
from ..objective_config import ObjectiveConfig
from .config import OptimConfig
from .critic import Critic
from .forward import device_of, score, score_batch
from .meters import UpdateMeter
from .sequences import MicroBatch, PackedBatch, collate, group_units, split

__all__ = ["Learner"]

Floats = NDArray[np.float64]


class Learner:
    """Update a causal language model from packed turns.

    Args:
        model: the policy's own weights; they are updated in place.
        optim: the optimizer and the cut of a batch into steps.
        objective: what is made small.
        critic: value heads, for methods that need them.
        reference: the frozen model of a KL term.
        total_updates: where the schedules linear and cosine end.
        seed: of the order of a batch.

    Raises:
        UsageError: if the objective needs a reference and none is given.
    """

    def __init__(
        self,
        model: CausalLM,
        optim: OptimConfig,
        objective: ObjectiveConfig,
        *,
        critic: Critic | None = None,
        reference: CausalLM | None = None,
        total_updates: int = 0,
        seed: int = 0,
    ) -> None:
        self.model, self.optim, self.critic, self.reference = model, optim, critic, reference
        self.objective = Objective(objective)
        self._total_updates, self._seed = total_updates, seed
        if self.objective.needs_reference and reference is None:
            raise UsageError("loss.kl needs a reference model; give Learner(reference=...)")
        self.device = device_of(model)
        self.optimizer = torch.optim.AdamW(
            self._policy_parameters(),
            lr=optim.learning_rate,
            betas=optim.betas,
            eps=optim.adam_epsilon,
            weight_decay=optim.weight_decay,
            fused=True,
        )
        self.num_updates = 0  # batches
        self.num_steps = 0  # optimizer steps

    def reference_logprobs(self, batch: PackedBatch) -> Floats:
        """Return the reference model's logprob of each target [N].

        Raises:
            UsageError: if there is no reference.
        """
        if self.reference is None:
            raise UsageError("this learner has no reference model; give Learner(reference=...)")
        return score_batch(self.reference, batch, self.optim.micro_tokens)

    def logprobs(self, batch: PackedBatch) -> Floats:
        """Return the current logprob of each target [N]."""
        return score_batch(self.model, batch, self.optim.micro_tokens)

    def update(
        self,
        batch: PackedBatch,
        advantage_N: Floats,
        *,
        reference_N: Floats | None = None,
    ) -> dict[str, float]:
        """Take the optimizer steps of one batch.

        Args:
            batch: the packed turns.
            advantage_N: of each target, in nothing but the order of the batch.
            reference_N: reference logprobs, where they are known already.

        Returns:
            the log of the update.

        Raises:
            TrainingError: if loss or gradient is not finite, the policy jumped, or
                engine and learner disagree about the logprobs; the weights are those
                before the step at fault.
            UsageError: if an array has another length.
        """
        if advantage_N.shape != (batch.num_targets,):
            raise UsageError(f"advantage_N has shape {advantage_N.shape}; expected ({batch.num_targets},)")
        if batch.num_targets == 0:
            raise TrainingError("every token of the batch was forced: there is nothing to learn from")
        if self.objective.needs_reference and reference_N is None:
            reference_N = self.reference_logprobs(batch)
        old_N = self._old_logprobs(batch)
        meter = UpdateMeter()
        self._set_learning_rate()
        for units in self._minibatches(batch):
            self._step(_Work(batch, units, advantage_N, old_N, reference_N), meter)
        self.num_updates += 1
        return {
            **meter.summary(),
            "learning_rate": self.optimizer.param_groups[0]["lr"],
            "num_tokens": float(batch.num_tokens),
            "num_targets": float(batch.num_targets),
            "num_forced": float(batch.num_forced),
        }

    def state_dict(self) -> dict[str, Any]:
        """Return all that an equal continuation needs, the model's weights apart."""
        return {
            "optimizer": self.optimizer.state_dict(),
            "critic": self.critic.state_dict() if self.critic is not None else None,
            "num_updates": self.num_updates,
            "num_steps": self.num_steps,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from a state."""
        self.optimizer.load_state_dict(state["optimizer"])
        if self.critic is not None:
            self.critic.load_state_dict(state["critic"])
        self.num_updates, self.num_steps = int(state["num_updates"]), int(state["num_steps"])

    def _policy_parameters(self) -> list[nn.Parameter]:
        return [p for p in self.model.parameters() if p.requires_grad]

    def _old_logprobs(self, batch: PackedBatch) -> Floats | None:
        """Return old logprobs [N]; None where the one step's own pass gives them."""
        if self.optim.old_logprobs == "behaviour":
            return batch.behaviour_N
        if self.optim.num_minibatches * self.optim.num_epochs == 1:
            return None
        return self.logprobs(batch)

    def _minibatches(self, batch: PackedBatch) -> Iterator[list[NDArray[np.int64]]]:
        """Yield the units of each optimizer step, shuffled anew in each epoch."""
        units = [unit for unit in group_units(batch, self.objective.unit) if self._teaches(batch, unit)]
        num_parts = min(self.optim.num_minibatches, len(units))
        for epoch in range(self.optim.num_epochs):
            order = np.random.default_rng([self._seed, self.num_updates, epoch]).permutation(len(units))
            for part in np.array_split(order, num_parts):
                yield [units[i] for i in sorted(part)]

    def _teaches(self, batch: PackedBatch, unit: NDArray[np.int64]) -> bool:
        """Tell whether any token of a unit is a target."""
        return any(batch.sequences[i].num_targets for i in unit)

    def _step(self, work: _Work, meter: UpdateMeter) -> None:
        self.optimizer.zero_grad(set_to_none=True)
        weights = work.weights(self.objective)
        meter.start_minibatch()
        units = [unit for unit in work.units if not self._is_idle(work, unit)] or work.units[:1]
        for chosen in split(work.batch, units, self.optim.micro_tokens):
            self._accumulate(collate(work.batch, chosen, self.device), work, weights, meter)
        grad_norm = self._clip()
        self._guard(meter, grad_norm)
        self.optimizer.step()
        meter.end_minibatch(grad_norm)
        self.num_steps += 1

    def _is_idle(self, work: _Work, unit: NDArray[np.int64]) -> bool:
        """Tell whether a unit gives exactly no gradient: no advantage, and no other term."""
        if not self.optim.skip_idle or self.objective.teaches_all:
            return False
        return not any(work.advantage_N[work.batch.sequences[i].targets].any() for i in unit)

    def _accumulate(self, micro: MicroBatch, work: _Work, weights: Floats, meter: UpdateMeter) -> None:
        scored = score(self.model, micro)

        def pick(array_N: Floats) -> Tensor:
            return torch.from_numpy(array_N[micro.index_N]).to(self.device, scored.logp_N.dtype)

        outcome = self.objective(
            TokenBatch(
                logp_N=scored.logp_N,
                old_N=scored.logp_N.detach() if work.old_N is None else pick(work.old_N),
                behaviour_N=pick(work.batch.behaviour_N),
                entropy_N=scored.entropy_N,
                advantage_N=pick(work.advantage_N),
                weight_N=pick(weights),
                turn_N=micro.turn_N,
                trajectory_N=micro.trajectory_N,
                reference_N=None if work.reference_N is None else pick(work.reference_N),
                stale_N=torch.from_numpy(work.batch.stale_N[micro.index_N]).to(self.device),
                num_minibatch=work.num_targets,
            )
        )
        torch.autograd.backward(outcome.loss)
        meter.add(outcome, len(micro.index_N))

    def _clip(self) -> float:
        """Clip the gradient; return its norm before."""
        limit = self.optim.max_grad_norm if self.optim.max_grad_norm > 0 else math.inf
        return float(nn.utils.clip_grad_norm_(self._policy_parameters(), limit))

    def _guard(self, meter: UpdateMeter, grad_norm: float) -> None:
        """Stop before a step that would spoil the weights."""
        piece = meter.minibatch()
        where = f"update {self.num_updates}, step {self.num_steps}"
        if not (math.isfinite(piece["loss"]) and math.isfinite(grad_norm)):
            raise TrainingError(
                f"{where}: loss {piece['loss']}, gradient norm {grad_norm}; the weights are those before "
                "the step. Lower optim.learning_rate or look for huge rewards in the log"
            )
        if piece["abs_log_ratio"] > self.optim.spike_limit:
            raise TrainingError(
                f"{where}: the policy moved by {piece['abs_log_ratio']:.3g} nats a token within one batch "
                f"(optim.spike_limit {self.optim.spike_limit}). Lower optim.learning_rate or the number "
                "of mini-batches and epochs"
            )
        if meter.num_minibatches:
            return
        if piece["mismatch_kl"] > self.optim.mismatch_limit:
            raise TrainingError(
                f"{where}: engine and learner differ by {piece['mismatch_kl']:.3g} nats a token "
                f"(optim.mismatch_limit {self.optim.mismatch_limit}). Are the weights of the engine stale, "
                "or its sampling settings not those of the recipe?"
            )
        if self.optim.one_engine and self.num_updates == 0 and self._is_precise():
            tolerance = self.optim.ratio_tolerance
            if piece["max_mismatch"] > tolerance:
                raise TrainingError(
                    f"{where}: the ratio of learner to behaviour probability differs from 1 by up to "
                    f"{piece['max_mismatch']:.3g} (allowed {tolerance:g}), although one engine computed both"
                )

    def _is_precise(self) -> bool:
        return all(p.dtype in (torch.float32, torch.float64) for p in self.model.parameters())

    def _set_learning_rate(self) -> None:
        rate = self.optim.learning_rate * schedule_factor(self.optim, self.num_updates, self._total_updates)
        for group in self.optimizer.param_groups:
            group["lr"] = rate


@dataclass(frozen=True, slots=True)
class _Work:
    """Be one mini-batch: its units and the numbers of its targets."""

    batch: PackedBatch
    units: Sequence[NDArray[np.int64]]
    advantage_N: Floats
    old_N: Floats | None
    reference_N: Floats | None

    @property
    def num_targets(self) -> int:
        """Return how many tokens of the mini-batch the loss sees."""
        return sum(self.batch.sequences[i].num_targets for unit in self.units for i in unit)

    def weights(self, objective: Objective) -> Floats:
        """Return the aggregation's weight of each target; 0 outside of the mini-batch."""
        index = np.concatenate([self.batch.sequences[i].targets for unit in self.units for i in unit])
        weights_N = np.zeros(self.batch.num_targets)
        weights_N[index] = aggregation_weights(
            objective.aggregation,
            self.batch.row_N[index],
            self.batch.trajectory_N[index],
            objective.config.constant_length,
        )
        return weights_N


def schedule_factor(optim: OptimConfig, update: int, total_updates: int) -> float:
    """Return the factor on the learning rate at an update of so many."""
    warmup = optim.warmup_updates
    if update < warmup:
        return (update + 1) / (warmup + 1)
    if optim.schedule == "constant" or total_updates <= warmup:
        return 1.0
    done = min(1.0, (update - warmup) / (total_updates - warmup))
    return 1.0 - done if optim.schedule == "linear" else 0.5 * (1.0 + math.cos(math.pi * done))
