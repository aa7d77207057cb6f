"""Forward passes: micro-batches of little padding, and the logprobs of what was sampled in them.

Shapes: _N targets, _S sequences of a batch, _B sequences of a micro-batch, _L places,
_D hidden width, _M all places of a micro-batch (B * L).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from ...agents.decoding import Entropy, filtered, replay
from ...agents.models import CausalLM
from .group import ALONE, Group, deal
from .sequences import Allowed, Ints, PackedBatch

Unit = Literal["turn", "trajectory", "group"]


@dataclass(frozen=True, slots=True)
class MicroBatch:
    """The tensors of one forward pass; `index_N` leads back to the batch."""

    ids_BL: Tensor  # int64, padded on the right with 0
    lengths_B: Tensor
    flat_N: Tensor  # place of each target in the flattened [B * L]
    tokens: list[int]  # [N]
    temperatures: list[float]  # [N]
    supports: list[Allowed]  # [N]
    index_N: Ints


@dataclass(frozen=True, slots=True)
class Scored:
    """Logprobs and entropies of a micro-batch, and the hidden states they came from."""

    logp_N: Tensor
    entropy_N: Tensor
    hidden_MD: Tensor


def device_of(model: CausalLM) -> torch.device:
    """Return the device of a model's parameters."""
    return next(iter(model.parameters())).device


def group_units(batch: PackedBatch, unit: Unit) -> list[Ints]:
    """Return the sequences that must stay together: each alone, or those of a trajectory or group."""
    if unit == "turn":
        return [np.array([index]) for index in range(len(batch.sequences))]
    owner_S = np.array([sequence.trajectory for sequence in batch.sequences])
    if unit == "group":
        owner_S = batch.group_T[owner_S]
    return [np.flatnonzero(owner_S == owner) for owner in np.unique(owner_S)]


def cut(length_S: Sequence[int], units: Iterable[Ints], max_tokens: int) -> list[Ints]:
    """Form micro-batches of units so that padding is small.

    Units are sorted by their longest sequence and taken greedily while the padded
    size (sequences times longest) stays within `max_tokens`; a unit that is
    larger alone gets a micro-batch of its own.

    Returns:
        the indices of the sequences of each micro-batch.
    """
    ordered = sorted(units, key=lambda unit: max(length_S[i] for i in unit), reverse=True)
    pieces: list[list[int]] = []
    longest = 0
    for unit in ordered:
        if pieces and (len(pieces[-1]) + len(unit)) * longest <= max_tokens:
            pieces[-1].extend(int(i) for i in unit)
        else:
            pieces.append([int(i) for i in unit])
            longest = max(length_S[i] for i in unit)
    return [np.array(piece, dtype=np.int64) for piece in pieces]


def cut_for(
    group: Group,
    length_S: Sequence[int],
    units: Sequence[Ints],
    max_tokens: int,
    wanted: Callable[[Ints], bool] = lambda piece: True,
) -> list[Ints]:
    """Return the micro-batches of a rank's share of some units, as many as any other rank has.

    Args:
        group: the ranks.
        length_S: tokens of each sequence of the batch.
        units: sequences that stay together.
        max_tokens: as for `cut`.
        wanted: whether a micro-batch is needed.

    Returns:
        the indices of the sequences of each; none in those at the end, where others have more.
    """
    ranks = [
        [piece for piece in cut(length_S, share, max_tokens) if wanted(piece)]
        for share in deal(length_S, units, group.world)
    ]
    most, mine = max(map(len, ranks)), ranks[group.rank]
    return mine + [np.zeros(0, dtype=np.int64)] * (most - len(mine))


def pad(sequences: Sequence[Sequence[int] | Ints], device: torch.device) -> tuple[Tensor, Tensor]:
    """Return sequences as ids [B, L], padded on the right with 0, and their lengths [B]."""
    length_B = np.array([len(ids) for ids in sequences])
    ids_BL = np.zeros((len(sequences), int(length_B.max())), dtype=np.int64)
    for b, ids in enumerate(sequences):
        ids_BL[b, : len(ids)] = ids
    return torch.from_numpy(ids_BL).to(device), torch.from_numpy(length_B).to(device)


def micro_batches(
    batch: PackedBatch, units: Sequence[Ints], max_tokens: int, device: torch.device, group: Group = ALONE
) -> Iterator[MicroBatch]:
    """Yield some units of a batch in micro-batches, those without a target apart.

    A rank of several gets its share of them, and as many as any other: the last may have no target.
    """
    length_S = [len(sequence.ids_L) for sequence in batch.sequences]

    def teaches(piece: Ints) -> bool:
        return any(batch.sequences[i].num_targets for i in piece)

    for piece in cut_for(group, length_S, units, max_tokens, teaches):
        yield collate(batch, piece, device) if len(piece) else _idle(device)


def _idle(device: torch.device) -> MicroBatch:
    """Return a pass over one token, none of which is a target: a rank that has nothing computes along."""
    ids_BL, lengths_B = pad([[0]], device)
    return MicroBatch(ids_BL, lengths_B, lengths_B[:0], [], [], [], np.zeros(0, dtype=np.int64))


def collate(batch: PackedBatch, chosen: Ints, device: torch.device) -> MicroBatch:
    """Build the tensors of some sequences."""
    sequences = [batch.sequences[index] for index in chosen]
    ids_BL, lengths_B = pad([sequence.ids_L for sequence in sequences], device)
    index_N = np.concatenate([sequence.targets for sequence in sequences])
    flat_N = np.concatenate([s.place_N + b * ids_BL.shape[1] for b, s in enumerate(sequences)])

    def tensor(array: NDArray[np.generic]) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(array)).to(device)

    return MicroBatch(
        ids_BL=ids_BL,
        lengths_B=lengths_B,
        flat_N=tensor(flat_N),
        tokens=batch.token_N[index_N].tolist(),
        temperatures=batch.temperature_N[index_N].tolist(),
        supports=[batch.support_N[i] for i in index_N],
        index_N=index_N,
    )


def score(model: CausalLM, micro: MicroBatch, head_chunk: int = 0, entropy: Entropy = "learned") -> Scored:
    """Run a model over a micro-batch; logits exist only at the targets.

    Args:
        model: what computes.
        micro: the sequences and their targets.
        head_chunk: how many targets have logits at once; 0: all. In pieces the logits are computed
            again in the backward pass, so that they never exist for all.
        entropy: whether the entropies have a gradient, are numbers alone, or stay 0.

    Returns:
        logprobs and entropies [N] after temperature and support, and the hidden
        states of all places [M, D].
    """
    hidden_BLD = model.hidden(micro.ids_BL, micro.lengths_B)
    hidden_MD = hidden_BLD.reshape(-1, hidden_BLD.shape[-1])
    chosen_ND = hidden_MD[micro.flat_N]

    def said(hidden_ND: Tensor, start: int) -> Tensor:
        part = slice(start, start + len(hidden_ND))
        tokens, supports, temperatures = micro.tokens[part], micro.supports[part], micro.temperatures[part]
        logits_NV = model.head(hidden_ND)
        # one tensor: what a backward pass computes again for a result without gradient it would never free
        return torch.stack(replay(logits_NV, tokens, supports, temperatures, entropy))

    again = partial(checkpoint, said, use_reentrant=False, preserve_rng_state=False)
    run = again if torch.is_grad_enabled() else said
    if 0 < head_chunk < len(chosen_ND):
        starts = range(0, len(chosen_ND), head_chunk)
        found_2N = torch.cat([run(chosen_ND[i : i + head_chunk], i) for i in starts], dim=1)
    else:
        found_2N = said(chosen_ND, 0)
    logp_N, entropy_N = found_2N
    return Scored(logp_N, entropy_N, hidden_MD)


def compute_along(model: CausalLM, micro: MicroBatch) -> None:
    """Take both passes of a micro-batch without targets: every weight has a part in them, of gradient 0."""
    hidden_BLD = model.hidden(micro.ids_BL, micro.lengths_B)
    torch.autograd.backward(model.head(hidden_BLD[:, 0])[:0].sum())


def score_batch(
    model: CausalLM, batch: PackedBatch, max_tokens: int, head_chunk: int = 0, group: Group = ALONE
) -> NDArray[np.float64]:
    """Return the logprob of every target of a batch [N], without gradient."""
    logp_N = np.zeros(batch.num_targets)
    units = group_units(batch, "turn")
    with torch.no_grad():
        for micro in micro_batches(batch, units, max_tokens, device_of(model), group):
            logp_N[micro.index_N] = score(model, micro, head_chunk, "off").logp_N.double().cpu().numpy()
    return group.sum(logp_N)


@torch.no_grad()
def filtered_batch(
    model: CausalLM,
    batch: PackedBatch,
    max_tokens: int,
    head_chunk: int,
    min_p: float,
    group: Group = ALONE,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the logprob of every target of a batch [N], and the same where unlikely tokens cannot be drawn.

    Args:
        model: what computes.
        batch: the packed turns.
        max_tokens: padded size of one forward pass.
        head_chunk: how many targets have logits at once; 0: all of a pass.
        min_p: a token is left out below so many parts of the likeliest one's probability; then it has -inf.
        group: the ranks that compute it, each its share.
    """
    found_2N = np.zeros((2, batch.num_targets))
    for micro in micro_batches(batch, group_units(batch, "turn"), max_tokens, device_of(model), group):
        hidden_BLD = model.hidden(micro.ids_BL, micro.lengths_B)
        chosen_ND = hidden_BLD.reshape(-1, hidden_BLD.shape[-1])[micro.flat_N]
        step = head_chunk or max(1, len(chosen_ND))
        for start in range(0, len(chosen_ND), step):
            part = slice(start, start + step)
            given = micro.tokens[part], micro.supports[part], micro.temperatures[part]
            logits_NV = model.head(chosen_ND[part])
            both_2N = torch.stack([replay(logits_NV, *given, "off")[0], filtered(logits_NV, *given, min_p)])
            found_2N[:, micro.index_N[part]] = both_2N.cpu().numpy()
    found_2N = group.sum(found_2N)
    return found_2N[0], found_2N[1]
