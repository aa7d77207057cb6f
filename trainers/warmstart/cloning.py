"""Cloning: cross entropy on the tokens that a teacher said, and, if asked, on all the others."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from functools import partial
from time import process_time

import numpy as np
import torch
from torch.nn import functional

from ...agents.models import CausalLM
from ...agents.types import Trajectory
from ...streams import Stream, rng
from ..learner.config import OptimConfig
from ..learner.forward import MicroBatch, device_of, group_units, micro_batches, score
from ..learner.sequences import PackedBatch, pack
from ..sections import WarmstartSection
from .descent import make_descent, schedule_factor
from .resume import CloningCheckpoint, CloningState

Report = Callable[[str, float], None]
SMALL = OptimConfig()
"""For a model of any size that two cores run: 4 096 padded tokens at once, all logits, all layers kept."""


def clone(
    model: CausalLM,
    episodes: Sequence[Trajectory],
    section: WarmstartSection,
    seed: int,
    report: Report,
    checkpoint: CloningCheckpoint | None = None,
    memory: OptimConfig = SMALL,
) -> int:
    """Train a model by cross entropy on the tokens of episodes.

    Args:
        model: trained in place.
        episodes: with a generation on each turn.
        section: steps, seconds, batch size and optimizer.
        seed: of the order of episodes.
        report: called with the progress.
        checkpoint: where a cloning that is interrupted is kept; None keeps nothing.
        memory: how many tokens and logits there are at once, and what the optimizer moves.

    Returns:
        the number of steps taken, those before an interruption included.

    Raises:
        TrainingError: if the loss is not finite.
        CheckpointError: if what was kept cannot be read.
    """
    descent, state = make_descent(model, section, memory), CloningState(rng(seed, Stream.CLONING))
    if checkpoint:
        checkpoint.restore(state, model, descent)
    begun = process_time() - state.spent_s
    try:
        while (share := _share(state, section)) < 1.0:
            batch, rest = _next_batch(state, episodes, section.batch_size)
            backward = partial(_backward, model, batch, section.language, memory)
            where, factor = f"cloning, step {state.step}", schedule_factor(share)
            loss, _ = descent.step(backward, factor=factor, where=where, check=state.begin_step)
            state.end_step(rest, process_time() - begun)
            report(f"cloning: loss {loss:.3f}", share)
            if checkpoint:
                checkpoint.keep(state, model, descent)
    except KeyboardInterrupt:
        if checkpoint:
            checkpoint.keep(state, model, descent, now=True)
        raise
    return state.step


def _next_batch(
    state: CloningState, episodes: Sequence[Trajectory], size: int
) -> tuple[PackedBatch, list[int]]:
    """Return the episodes of a step, and which come after them."""
    order = list(state.order)
    while len(order) < size:
        order.extend(state.rng.permutation(len(episodes)).tolist())
    return pack([episodes[i] for i in order[:size]]), order[size:]


def _share(state: CloningState, section: WarmstartSection) -> float:
    """Return how much of a cloning is done, by the limit that is nearer."""
    share = state.step / section.max_steps
    return max(share, state.spent_s / section.seconds) if section.seconds else share


def _backward(model: CausalLM, batch: PackedBatch, language: float, memory: OptimConfig) -> float:
    """Add the gradient to the weights; return the loss in nats a decision, without the language term."""
    total, num_places = 0.0, sum(len(sequence.ids_L) - 1 for sequence in batch.sequences)
    for micro in _pieces(model, batch, memory):
        with model.checkpointed() if memory.checkpointing else nullcontext():
            scored = score(model, micro, memory.head_chunk, "off")
            loss = decisions = -scored.logp_N.sum() / batch.num_targets
            if language:
                loss = decisions + language * _language(model, scored.hidden_MD, micro) / num_places
            torch.autograd.backward(loss)
        total += float(decisions.detach())
    return total


def _language(model: CausalLM, hidden_MD: torch.Tensor, micro: MicroBatch) -> torch.Tensor:
    """Return the summed cross entropy of every next token of the episodes, no matter who said it.

    An episode has some fifteen decisions among hundreds of tokens; what a name in
    an observation has to do with the same name in the task is learned from all.
    """
    width = micro.ids_BL.shape[1]
    places_L = torch.arange(width - 1, device=micro.ids_BL.device)
    there_BL = places_L[None, :] < (micro.lengths_B - 1)[:, None]
    before_BLD = hidden_MD.view(-1, width, hidden_MD.shape[-1])[:, :-1]
    return functional.cross_entropy(
        model.head(before_BLD[there_BL]), micro.ids_BL[:, 1:][there_BL], reduction="sum"
    )


def _pieces(model: CausalLM, batch: PackedBatch, memory: OptimConfig) -> Iterator[MicroBatch]:
    return micro_batches(batch, group_units(batch, "turn"), memory.micro_tokens, device_of(model))


def measure(model: CausalLM, batch: PackedBatch, memory: OptimConfig = SMALL) -> tuple[float, float]:
    """Return the loss of decisions in nats a token, and the share given more than half the probability."""
    with torch.no_grad():
        scored = (score(model, micro, memory.head_chunk, "off") for micro in _pieces(model, batch, memory))
        pieces = [each.logp_N.double().cpu().numpy() for each in scored]
    logp_N = np.concatenate(pieces)
    return float(-logp_N.mean()), float((logp_N > np.log(0.5)).mean())
