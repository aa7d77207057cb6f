"""The learner: from packed turns and their advantages to a policy update.

Three logprobs are kept apart: behaviour (the engine that sampled), old (this
model at the start of the batch) and current. A mini-batch is accumulated by the
declared aggregation over the whole of it, so the cut into micro-batches does not
change its gradient. Nothing is written into the weights before loss and
gradient of the whole mini-batch are known to be finite.

Shapes: _N targets of the batch.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch

from ...agents.models import CausalLM
from ...agents.types import Trajectory
from ...errors import TrainingError, UsageError
from ...streams import Stream, rng
from ..losses import Objective, Outcome
from ..objective_config import ObjectiveConfig
from .config import OptimConfig
from .copies import load_copies
from .critic import Critic
from .forward import (
    MicroBatch,
    compute_along,
    device_of,
    filtered_batch,
    group_units,
    micro_batches,
    score,
    score_batch,
)
from .group import ALONE, Group
from .guards import check_engine, check_jump, check_one_engine
from .meters import UpdateMeter
from .minibatch import MiniBatch
from .optimizer import adamw, schedule_factor
from .probe import Tolerance
from .reference import Reference
from .sequences import Floats, Ints, PackedBatch
from .states import CriticStates
from .whole import backward_whole


class Learner:
    """A causal language model that learns from packed turns.

    Args:
        model: the policy's own weights; they are updated in place.
        optim: the optimizer and the cut of a batch into steps.
        objective: what is made small.
        critic: value heads, for methods that need them.
        reference: of a KL term.
        tolerance: of the first update, where one engine samples and learns; None: another one samples.
        total_updates: where the schedules linear and cosine end.
        seed: of the order of a batch.
        group: the processes that learn together; each has its own learner, and is given the same.

    Raises:
        UnknownName: if the objective names a part that is not there.
        UsageError: if the objective needs a reference and none is given.
    """

    def __init__(
        self,
        model: CausalLM,
        optim: OptimConfig,
        objective: ObjectiveConfig,
        *,
        critic: Critic | None = None,
        reference: Reference | None = None,
        tolerance: Tolerance | None = None,
        total_updates: int = 0,
        seed: int = 0,
        group: Group = ALONE,
    ) -> None:
        self.model, self.optim, self.critic, self.reference = model, optim, critic, reference
        self.group = group
        self.objective = Objective(objective)
        self.total_updates, self._seed = total_updates, seed
        self._tolerance = tolerance  # until an update has shown that it is kept
        if self.objective.needs_reference and reference is None:
            raise UsageError("loss.kl needs a reference model; give Learner(reference=...)")
        self.device = device_of(model)
        self.descent = adamw(model, optim, group)
        self.num_updates = 0  # batches
        self.num_steps = 0  # optimizer steps
        self.largest_size = 0.0  # of a batch's mean |advantage| so far

    def reference_logprobs(self, batch: PackedBatch) -> Floats:
        """Return the reference model's logprob of each target [N].

        Raises:
            UsageError: if there is no reference.
        """
        if self.reference is None:
            raise UsageError("this learner has no reference model; give Learner(reference=...)")
        with self.reference() as model:
            return score_batch(model, batch, self.optim.micro_tokens, self.optim.head_chunk, self.group)

    def logprobs(self, batch: PackedBatch) -> Floats:
        """Return the current logprob of each target [N]."""
        return score_batch(self.model, batch, self.optim.micro_tokens, self.optim.head_chunk, self.group)

    def read(self, trajectories: Sequence[Trajectory]) -> CriticStates | None:
        """Return the model's states where the value heads read; None: there are no heads."""
        return self.critic.read(self.model, trajectories) if self.critic is not None else None

    def as_stored(self, batch: PackedBatch, reference_N: Floats | None) -> PackedBatch:
        """Return a batch that nobody has sampled for this learner.

        What nobody is known to have sampled is scored by the reference [N]; without one by the policy as it
        is, where anything reads it.
        """
        reads = self.optim.old_logprobs == "behaviour" or self.objective.config.off_policy != "none"
        scored_N = self.logprobs(batch) if reference_N is None and reads else reference_N
        return batch.of_others(scored_N)

    def update(
        self, batch: PackedBatch, advantage_N: Floats, *, reference_N: Floats | None = None
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
        old_N, filtered_N = self._old_policy(batch)
        meter = UpdateMeter()
        self.largest_size = max(self.largest_size, float(np.abs(advantage_N).mean()))
        factor = schedule_factor(self.optim, self.num_updates, self.total_updates)
        for units in self._minibatches(batch):
            self._step(MiniBatch(batch, units, advantage_N, old_N, reference_N, filtered_N), factor, meter)
        self.num_updates += 1
        self._tolerance = None
        return {
            **meter.summary(),
            "learning_rate": self.descent.optimizers[0].param_groups[0]["lr"],
            "num_tokens": float(batch.num_tokens),
            "num_targets": float(batch.num_targets),
            "num_forced": float(batch.num_forced),
        }

    def state_dict(self) -> dict[str, Any]:
        """Return all that an equal continuation needs, the model's weights apart."""
        copies = self.descent.copies
        return {
            "optimizer": self.descent.optimizers[0].state_dict(),
            "copies": copies.state() if copies is not None else None,
            "critic": self.critic.state_dict() if self.critic is not None else None,
            "num_updates": self.num_updates,
            "num_steps": self.num_steps,
            "largest_size": self.largest_size,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from a state.

        Raises:
            CheckpointError: if it lacks the weights in float32 that the recipe asks for.
        """
        load_copies(self.descent.copies, state)
        self.descent.optimizers[0].load_state_dict(state["optimizer"])
        if self.critic is not None:
            self.critic.load_state_dict(state["critic"])
        self.num_updates, self.num_steps = int(state["num_updates"]), int(state["num_steps"])
        self.largest_size = float(state["largest_size"])

    def _old_policy(self, batch: PackedBatch) -> tuple[Floats | None, Floats | None]:
        """Return old logprobs [N], and those without its least likely tokens where the loss reads them.

        The first is None where the one step's own pass gives them.
        """
        optim, min_p, logp_N, filtered_N = self.optim, self.objective.min_p, None, None
        if min_p is not None:
            logp_N, filtered_N = filtered_batch(
                self.model, batch, optim.micro_tokens, optim.head_chunk, min_p, self.group
            )
        if optim.old_logprobs == "behaviour":
            return batch.behaviour_N, filtered_N
        if optim.num_minibatches * optim.num_epochs == 1:
            return None, filtered_N
        return self.logprobs(batch) if logp_N is None else logp_N, filtered_N

    def _minibatches(self, batch: PackedBatch) -> Iterator[list[Ints]]:
        """Yield the units of each optimizer step, in another order in each epoch."""
        units = [
            unit
            for unit in group_units(batch, self.objective.unit)
            if any(batch.sequences[i].num_targets for i in unit)
        ]
        num_parts = min(self.optim.num_minibatches, len(units))
        for epoch in range(self.optim.num_epochs):
            drawn = rng(self._seed, Stream.MINIBATCHES, self.num_updates, epoch)
            order = drawn.permutation(len(units))
            for part in np.array_split(order, num_parts):
                yield [units[i] for i in sorted(part)]

    def _step(self, mini: MiniBatch, factor: float, meter: UpdateMeter) -> None:
        """Take one optimizer step.

        Adam makes steps of one length from gradients of any: where one group of a batch is left with
        something to say, its one wrong sample would move the policy as far as a whole batch does. The
        step is as much shorter as its signal is smaller.
        """
        if self.optim.scale_to_signal and not self.objective.teaches_all:
            factor *= mini.share if self.optim.signal == "count" else self._relative_size(mini)
        where = f"update {self.num_updates}, step {self.num_steps}"
        meter.start_minibatch()
        _, grad_norm = self.descent.step(
            partial(self._backward, mini, meter),
            factor=factor,
            where=where,
            check=partial(self._check, mini, meter, where),
        )
        meter.end_minibatch(grad_norm)
        self.num_steps += 1

    def _relative_size(self, mini: MiniBatch) -> float:
        return min(1.0, mini.size / self.largest_size) if self.largest_size > 0.0 else 1.0

    def _backward(self, mini: MiniBatch, meter: UpdateMeter) -> float:
        """Add the gradient of a mini-batch to the weights; return its loss."""
        lean = self.model.checkpointed() if self.optim.checkpointing else nullcontext()
        if self.objective.unit == "group":
            with lean:
                outcome = backward_whole(self.model, mini, self.objective, self.optim, self.group)
            if self.group.rank == 0:  # each has found it
                meter.add(outcome, mini.num_targets)
            return self._merged(meter)
        weights_N = mini.weights(self.objective)
        everything = self.objective.teaches_all or not self.optim.skip_idle
        units = mini.units if everything else mini.teaching(mini.advantage_N)
        with lean:
            for micro in micro_batches(mini.batch, units, self.optim.micro_tokens, self.device, self.group):
                if len(micro.index_N):
                    meter.add(self._add_gradient(mini, micro, weights_N), len(micro.index_N))
                else:
                    compute_along(self.model, micro)
        return self._merged(meter)

    def _merged(self, meter: UpdateMeter) -> float:
        """Return the loss of the mini-batch, once the meter has what every rank found."""
        meter.merge(self.group)
        return meter.loss()

    def _add_gradient(self, mini: MiniBatch, micro: MicroBatch, weights_N: Floats) -> Outcome:
        """Add the gradient of a micro-batch; what is returned keeps nothing of the passes."""
        scored = score(self.model, micro, self.optim.head_chunk, self.objective.entropy)
        outcome = self.objective(mini.tokens(micro, scored, weights_N))
        torch.autograd.backward(outcome.loss)
        return replace(outcome, loss=outcome.loss.detach())

    def _check(self, mini: MiniBatch, meter: UpdateMeter, where: str) -> None:
        """Stop before a step that would spoil the weights."""
        piece = meter.minibatch()
        check_jump(piece["abs_log_ratio"] * meter.num_read() / mini.num_targets, self.optim, where)
        if meter.num_minibatches:
            return
        check_engine(piece, self.optim, where)
        if self._tolerance is not None:
            check_one_engine(piece, self._tolerance, where)
