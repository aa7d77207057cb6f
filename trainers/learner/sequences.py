"""From trajectories to sequences a model can be trained on, and to micro-batches.

A turn whose prompt continues the previous turn's prompt and tokens joins its
sequence, so a conversation is read once however many turns it has; any other
turn starts a sequence of its own. Forced tokens (a support of one) are input
but never targets: they are in no loss and in no denominator.

Shapes: _L tokens of a sequence, _N targets (sampled tokens that were not forced),
_R turns (rows of the turn table), _B sequences of a micro-batch.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...agents.types import Generation, Trajectory
from ...errors import TrainingError

__all__ = ["MicroBatch", "PackedBatch", "PackedSequence", "Unit", "collate", "group_units", "pack", "split"]

Unit = Literal["turn", "trajectory"]
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Allowed = tuple[int, ...] | None


@dataclass(frozen=True, slots=True)
class PackedSequence:
    """Be one sequence: its input, and which targets of the batch lie in it."""

    ids_L: Ints  # input tokens, up to the one before the last target
    place_N: Ints  # the input place whose logits predict the target
    start: int  # the sequence's targets are [start, start + len(place_N)) of the batch
    trajectory: int

    @property
    def num_targets(self) -> int:
        """Return how many targets the sequence has."""
        return len(self.place_N)

    @property
    def targets(self) -> Ints:
        """Return the places of the sequence's targets in the batch."""
        return np.arange(self.start, self.start + self.num_targets)


@dataclass(frozen=True, slots=True)
class PackedBatch:
    """Hold the sequences of a batch and its targets, flat and in the order of the sequences."""

    sequences: tuple[PackedSequence, ...]
    token_N: Ints
    behaviour_N: Floats  # logprobs of the distribution that sampled
    temperature_N: Floats
    row_N: Ints  # turn
    offset_N: Ints  # place in the generation's token_ids
    trajectory_N: Ints
    support_N: tuple[Allowed, ...]
    stale_N: NDArray[np.bool_]  # sampled by an older version than the newest of the batch: replayed
    num_rows: int
    num_forced: int
    num_tokens: int  # model input, all sequences, without padding

    @property
    def num_targets(self) -> int:
        """Return how many tokens the loss sees."""
        return len(self.token_N)


def pack(trajectories: Sequence[Trajectory], copied_R: NDArray[np.bool_] | None = None) -> PackedBatch:
    """Pack trajectories; turn number r of the batch is row r of their turn table.

    Args:
        trajectories: in the order of the turn table.
        copied_R: rows whose tokens are read but are no targets, since they are targets elsewhere.

    Raises:
        TrainingError: if a generation has no tokens or no logprobs (a policy
            without tokens cannot be trained), or an empty prompt.
    """
    builder = _Builder()
    for index, trajectory in enumerate(trajectories):
        for turn in trajectory.turns:
            builder.add(index, turn.generation, copied_R is not None and bool(copied_R[builder.num_rows]))
        builder.close()
    return builder.finish()


class _Builder:
    """Grow the sequence at hand, turn by turn."""

    def __init__(self) -> None:
        self.sequences: list[PackedSequence] = []
        self.token: list[int] = []
        self.behaviour: list[float] = []
        self.temperature: list[float] = []
        self.row: list[int] = []
        self.offset: list[int] = []
        self.trajectory: list[int] = []
        self.support: list[Allowed] = []
        self.version: list[int] = []
        self.num_rows = self.num_forced = self.num_tokens = 0
        self._reset()

    def _reset(self) -> None:
        self.ids: list[int] = []
        self.place: list[int] = []
        self.first = -1  # the input place before the last turn's first token
        self.start = len(self.token)
        self.owner = -1

    def add(self, trajectory: int, generation: Generation, copied: bool) -> None:
        row, self.num_rows = self.num_rows, self.num_rows + 1
        _check(generation, row)
        prompt = generation.prompt_ids
        if len(prompt) < len(self.ids) or list(prompt[: len(self.ids)]) != self.ids:
            self.close()
        self.owner = trajectory
        self.ids.extend(prompt[len(self.ids) :])
        self.first = len(self.ids) - 1
        support = generation.support or (None,) * len(generation.token_ids)
        versions = _versions(generation)
        for offset, (token, allowed) in enumerate(zip(generation.token_ids, support, strict=True)):
            if copied:
                break
            if allowed is not None and len(allowed) == 1:
                self.num_forced += 1
                continue
            self.place.append(len(self.ids) + offset - 1)
            self.token.append(token)
            self.behaviour.append(generation.logprobs[offset])
            self.temperature.append(generation.temperature)
            self.row.append(row)
            self.offset.append(offset)
            self.trajectory.append(trajectory)
            self.support.append(allowed)
            self.version.append(versions[offset])
        self.ids.extend(generation.token_ids)

    def close(self) -> None:
        if self.ids:
            last = max(self.place[-1] if self.place else 0, self.first)
            self.num_tokens += last + 1
            self.sequences.append(
                PackedSequence(
                    ids_L=np.array(self.ids[: last + 1], dtype=np.int64),
                    place_N=np.array(self.place, dtype=np.int64),
                    start=self.start,
                    trajectory=self.owner,
                )
            )
        self._reset()

    def finish(self) -> PackedBatch:
        version_N = np.array(self.version, dtype=np.int64)
        return PackedBatch(
            sequences=tuple(self.sequences),
            token_N=np.array(self.token, dtype=np.int64),
            behaviour_N=np.array(self.behaviour, dtype=np.float64),
            temperature_N=np.array(self.temperature, dtype=np.float64),
            row_N=np.array(self.row, dtype=np.int64),
            offset_N=np.array(self.offset, dtype=np.int64),
            trajectory_N=np.array(self.trajectory, dtype=np.int64),
            support_N=tuple(self.support),
            stale_N=version_N < version_N.max(initial=0),
            num_rows=self.num_rows,
            num_forced=self.num_forced,
            num_tokens=self.num_tokens,
        )


def _versions(generation: Generation) -> list[int]:
    """Return which policy version sampled each token; 0 where the policy does not say."""
    versions = [0] * len(generation.token_ids)
    for span in generation.versions:
        versions[span.start : span.end] = [span.version] * (span.end - span.start)
    return versions


def _check(generation: Generation, row: int) -> None:
    if not generation.token_ids or not generation.prompt_ids:
        raise TrainingError(
            f"turn {row} of the batch has {len(generation.prompt_ids)} prompt tokens and "
            f"{len(generation.token_ids)} generated ones; only a policy that returns both can be trained"
        )
    if len(generation.logprobs) != len(generation.token_ids):
        raise TrainingError(
            f"turn {row} of the batch has {len(generation.token_ids)} tokens but "
            f"{len(generation.logprobs)} behaviour logprobs; the policy must return one for each token"
        )


def group_units(batch: PackedBatch, unit: Unit) -> list[Ints]:
    """Return the sequences that must stay together: each alone, or those of a trajectory."""
    if unit == "turn":
        return [np.array([index]) for index in range(len(batch.sequences))]
    owner_S = np.array([sequence.trajectory for sequence in batch.sequences])
    return [np.flatnonzero(owner_S == owner) for owner in np.unique(owner_S)]


def split(batch: PackedBatch, units: Iterable[Ints], max_tokens: int) -> list[Ints]:
    """Form micro-batches of units so that padding is small.

    Units are sorted by their longest sequence and taken greedily while the padded
    size (sequences times longest) stays within `max_tokens`; a unit that is
    larger alone gets a micro-batch of its own.

    Returns:
        the indices of the sequences of each micro-batch.
    """
    length_S = [len(sequence.ids_L) for sequence in batch.sequences]
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


@dataclass(frozen=True, slots=True)
class MicroBatch:
    """Hold the tensors of one forward pass; `index_N` leads back to the batch."""

    ids_BL: Tensor  # int64, padded on the right with 0
    lengths_B: Tensor
    flat_N: Tensor  # place of each target in the flattened [B * L]
    tokens: list[int]  # [N]
    temperatures: list[float]  # [N]
    turn_N: Tensor  # int64, from 0
    trajectory_N: Tensor  # int64, from 0
    supports: list[Allowed]  # [N]
    index_N: Ints


def collate(batch: PackedBatch, chosen: Ints, device: torch.device) -> MicroBatch:
    """Build the tensors of some sequences."""
    sequences = [batch.sequences[index] for index in chosen]
    length_B = np.array([len(sequence.ids_L) for sequence in sequences])
    width = int(length_B.max())
    ids_BL = np.zeros((len(sequences), width), dtype=np.int64)
    for b, sequence in enumerate(sequences):
        ids_BL[b, : len(sequence.ids_L)] = sequence.ids_L
    index_N = np.concatenate([s.targets for s in sequences])
    flat_N = np.concatenate([s.place_N + b * width for b, s in enumerate(sequences)])

    def tensor(array: NDArray[np.generic]) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(array)).to(device)

    return MicroBatch(
        ids_BL=tensor(ids_BL),
        lengths_B=tensor(length_B),
        flat_N=tensor(flat_N),
        tokens=batch.token_N[index_N].tolist(),
        temperatures=batch.temperature_N[index_N].tolist(),
        turn_N=tensor(np.unique(batch.row_N[index_N], return_inverse=True)[1]),
        trajectory_N=tensor(np.unique(batch.trajectory_N[index_N], return_inverse=True)[1]),
        supports=[batch.support_N[i] for i in index_N],
        index_N=index_N,
    )
