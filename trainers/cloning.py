"""Cloning: cross entropy on the tokens that a teacher said, and, if asked, on all the others."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from time import process_time

import numpy as np
import torch
from torch.nn import functional

from ..agents.causal_lm import CausalLM
from ..agents.types import Trajectory
from ..errors import TrainingError
from .halfway import Halfway, Place
from .packing import MicroBatch, PackedBatch, collate, group_units, pack, split
from .scoring import device_of, score
from .sections import WarmstartSection

__all__ = ["Report", "clone", "measure"]

Report = Callable[[str, float], None]
_MICRO_TOKENS = 4096


def clone(
    model: CausalLM,
    episodes: Sequence[Trajectory],
    section: WarmstartSection,
    seed: int,
    report: Report,
    halfway: Halfway | None = None,
) -> int:
    """Train a model by cross entropy on the tokens of episodes.

    Args:
        model: trained in place.
        episodes: with a generation on each turn.
        section: steps, seconds, batch size and optimizer.
        seed: of the order of episodes.
        report: told the progress.
        halfway: where a cloning that is interrupted is kept; None keeps nothing.

    Returns:
        the number of steps taken, those before an interruption included.

    Raises:
        TrainingError: if the loss is not finite.
        CheckpointError: if what was kept cannot be read.
    """
    rates = _optimizers(model, section)
    place, optimizers = Place(np.random.default_rng([seed, 1])), list(rates)
    if halfway:
        halfway.restore(place, model, optimizers)
    begun = process_time() - place.spent_s
    while (share := _share(place, section)) < 1.0:
        while len(place.order) < section.batch_size:
            place.order.extend(place.rng.permutation(len(episodes)).tolist())
        chosen, place.order = place.order[: section.batch_size], place.order[section.batch_size :]
        for optimizer, rate in rates.items():
            for group in optimizer.param_groups:
                group["lr"] = rate * _schedule(share)
        loss = _step(model, pack([episodes[i] for i in chosen]), optimizers, section.language)
        place.step, place.spent_s = place.step + 1, process_time() - begun
        report(f"cloning: loss {loss:.3f}", share)
        if halfway:
            halfway.keep(place, model, optimizers)
    return place.step


def _share(place: Place, section: WarmstartSection) -> float:
    """Return how much of a cloning is done, by the limit that is nearer."""
    share = place.step / section.max_steps
    return max(share, place.spent_s / section.seconds) if section.seconds else share


def _optimizers(model: CausalLM, section: WarmstartSection) -> dict[torch.optim.Optimizer, float]:
    """Return the optimizers with their learning rates: AdamW, and Muon where it is asked for.

    Muon (Jordan et al. 2024, in torch.optim) steps along the orthogonalised momentum of
    a matrix, without decay; norms and biases stay with AdamW. Its author leaves the
    embedding to AdamW too; here it is tied to the output and takes part. Whether that
    matters was not measured with everything else equal.
    """
    matrices: list[torch.nn.Parameter] = []
    rest: list[torch.nn.Parameter] = []
    for weight in model.parameters():
        (matrices if section.optimizer == "muon" and weight.dim() == 2 else rest).append(weight)
    adamw = torch.optim.AdamW(
        rest, lr=section.learning_rate, betas=(0.9, 0.98), weight_decay=section.weight_decay, fused=True
    )
    rates: dict[torch.optim.Optimizer, float] = {adamw: section.learning_rate}
    if matrices:
        muon_rate = section.muon_learning_rate
        rates[torch.optim.Muon(matrices, lr=muon_rate, weight_decay=0.0)] = muon_rate
    return rates


def _step(
    model: CausalLM, batch: PackedBatch, optimizers: Iterable[torch.optim.Optimizer], language: float
) -> float:
    """Take one step; return the loss in nats a decision, without the language term."""
    for optimizer in optimizers:
        optimizer.zero_grad(set_to_none=True)
    total, num_places = 0.0, sum(len(sequence.ids_L) - 1 for sequence in batch.sequences)
    for micro in _pieces(batch, device_of(model)):
        scored = score(model, micro)
        loss = decisions = -scored.logp_N.sum() / batch.num_targets
        if language:
            loss = decisions + language * _language(model, scored.hidden_MD, micro) / num_places
        torch.autograd.backward(loss)
        total += float(decisions.detach())
    norm = float(torch.nn.utils.clip_grad_norm_(list(model.parameters()), 1.0))
    if not np.isfinite(total) or not np.isfinite(norm):
        raise TrainingError(f"cloning: loss {total}, gradient norm {norm}; lower warmstart.learning_rate")
    for optimizer in optimizers:
        optimizer.step()
    return total


def _language(model: CausalLM, hidden_MD: torch.Tensor, micro: MicroBatch) -> torch.Tensor:
    """Return the summed cross entropy of every next token of the episodes, whoever said it.

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


def _pieces(batch: PackedBatch, device: torch.device) -> Iterator[MicroBatch]:
    for chosen in split(batch, group_units(batch, "turn"), _MICRO_TOKENS):
        micro = collate(batch, chosen, device)
        if len(micro.index_N):
            yield micro


def measure(model: CausalLM, batch: PackedBatch) -> tuple[float, float]:
    """Return the loss of decisions in nats a token, and the share given more than half the probability."""
    with torch.no_grad():
        pieces = [score(model, micro).logp_N.double().numpy() for micro in _pieces(batch, device_of(model))]
    logp_N = np.concatenate(pieces)
    return float(-logp_N.mean()), float((logp_N > np.log(0.5)).mean())


def _schedule(share: float) -> float:
    """Return the factor on the learning rate: a short warm-up, then a cosine to 5 %."""
    if share < 0.05:
        return 0.05 + 0.95 * share / 0.05
    return float(0.05 + 0.95 * 0.5 * (1 + np.cos(np.pi * (share - 0.05) / 0.95)))
