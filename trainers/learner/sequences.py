"""From trajectories to the sequences that a model is trained on.

A turn whose prompt continues the previous turn's prompt and tokens joins its
sequence, so a conversation is read once however many turns it has; any other
turn starts a sequence of its own. Forced tokens (a support of one) are input
but never targets: they are in no loss and in no denominator.

Shapes: _L tokens of a sequence, _N targets (sampled tokens that were not forced),
_R turns (rows of the turn table), _S sequences, _T trajectories.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...agents.types import Generation, Trajectory
from ...errors import TrainingError

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Allowed = tuple[int, ...] | None  # the tokens that could be sampled; None: all


@dataclass(frozen=True, slots=True)
class PackedSequence:
    """One sequence: its input, and which targets of the batch lie in it."""

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
    """The sequences of a batch and its targets, flat and in the order of the sequences."""

    sequences: tuple[PackedSequence, ...]
    token_N: Ints
    behaviour_N: Floats  # logprobs of the distribution that sampled
    temperature_N: Floats
    row_N: Ints  # turn
    offset_N: Ints  # place in the generation's token_ids
    trajectory_N: Ints
    support_N: tuple[Allowed, ...]
    stale_N: NDArray[
        np.bool_
    ]  # sampled by an older version than the learner, or than the newest of the batch
    group_T: Ints  # the group of each trajectory, from 0 in order of appearance
    won_T: Floats  # whether it solved its task, 1 or 0; NaN where its environment did not say
    num_rows: int
    num_forced: int
    num_tokens: int  # model input, all sequences, without padding

    @property
    def num_targets(self) -> int:
        """Return how many tokens the loss sees."""
        return len(self.token_N)

    def of_others(self, scored_N: Floats | None) -> PackedBatch:
        """Return the batch as one that no engine of the learner's has sampled.

        Args:
            scored_N: stands for behaviour logprobs that are not known (NaN); None: 0 does, since nothing
                reads them.
        """
        known_N = np.isfinite(self.behaviour_N)
        behaviour_N = np.where(known_N, self.behaviour_N, 0.0 if scored_N is None else scored_N)
        return replace(self, behaviour_N=behaviour_N, stale_N=np.ones(self.num_targets, dtype=np.bool_))


@dataclass(frozen=True, slots=True)
class Lag:
    """How old the tokens of a batch may be, where they were sampled ahead of the learner."""

    version: int  # of the learner
    oldest: int  # version that is learned from; tokens of older ones are read, and are no targets

    @classmethod
    def at(cls, update: int, staleness: int) -> Lag | None:
        """Return that of an update, whose episodes play so many updates ahead; None where they do not."""
        return cls(update, update - staleness) if staleness else None


class JoinedSequences:
    """Sequences that grow turn by turn; a prompt that continues the last one joins it."""

    def __init__(self) -> None:
        self.ids: list[list[int]] = []
        self._is_open = False

    def close(self) -> None:
        """Let the next prompt begin a sequence of its own: another trajectory follows."""
        self._is_open = False

    def add(self, prompt_ids: Sequence[int], token_ids: Sequence[int] = ()) -> int:
        """Add a prompt and the message that answered it; return the place of the prompt's last token."""
        known = self.ids[-1] if self._is_open else []
        if self._is_open and list(prompt_ids[: len(known)]) == known:
            known.extend(prompt_ids[len(known) :])
        else:
            self.ids.append(list(prompt_ids))
            self._is_open = True
        before = len(self.ids[-1]) - 1
        self.ids[-1].extend(token_ids)
        return before


def pack(
    trajectories: Sequence[Trajectory], copied_R: NDArray[np.bool_] | None = None, lag: Lag | None = None
) -> PackedBatch:
    """Pack trajectories; turn number r of the batch is row r of their turn table.

    Args:
        trajectories: in the order of the turn table.
        copied_R: rows whose tokens are read but are no targets, since they are targets elsewhere or
            nobody learns them; a trajectory of such rows alone is not even read.
        lag: how old tokens may be; None: the newest version of the batch is the learner's, and any learns.

    Raises:
        TrainingError: if a generation has no tokens or no logprobs (a policy
            without tokens cannot be trained), or an empty prompt.
    """
    packer = _Packer(lag)
    for index, trajectory in enumerate(trajectories):
        packer.joined.close()
        first, num = packer.num_rows, len(trajectory.turns)
        copied = [False] * num if copied_R is None else copied_R[first : first + num].tolist()
        if all(copied):
            packer.num_rows += num
            continue
        for turn, is_copied in zip(trajectory.turns, copied, strict=True):
            packer.add(index, turn.generation, is_copied)
    return packer.finish(trajectories)


class _Target(NamedTuple):
    """One token that the loss sees."""

    sequence: int
    place: int
    trajectory: int
    row: int
    offset: int
    token: int
    behaviour: float
    temperature: float
    support: Allowed
    version: int


class _Packer:
    """The sequences and targets of a batch, turn by turn."""

    def __init__(self, lag: Lag | None) -> None:
        self.joined = JoinedSequences()
        self.num_rows = 0
        self._lag, self._oldest = lag, lag.oldest if lag else 0
        self._num_forced = 0
        self._targets: list[_Target] = []
        self._owner: list[int] = []  # the trajectory of each sequence
        self._length: list[int] = []  # how much of each sequence is input

    def add(self, trajectory: int, generation: Generation, copied: bool) -> None:
        """Add a turn."""
        row, self.num_rows = self.num_rows, self.num_rows + 1
        if not copied:
            _check(generation, row)
        before = self.joined.add(generation.prompt_ids, generation.token_ids)
        sequence = len(self.joined.ids) - 1
        if sequence == len(self._owner):
            self._owner.append(trajectory)
            self._length.append(0)
        self._length[sequence] = before + 1
        if copied:
            return
        support = generation.support or (None,) * len(generation.token_ids)
        versions = _versions(generation)
        for offset, (token, allowed) in enumerate(zip(generation.token_ids, support, strict=True)):
            if allowed is not None and len(allowed) == 1:
                self._num_forced += 1
                continue
            if versions[offset] < self._oldest:
                continue
            place, self._length[sequence] = before + offset, before + offset + 1
            behaviour, temperature = generation.logprobs[offset], generation.temperature
            chosen = (token, behaviour, temperature, allowed, versions[offset])
            self._targets.append(_Target(sequence, place, trajectory, row, offset, *chosen))

    def finish(self, trajectories: Sequence[Trajectory]) -> PackedBatch:
        """Return the batch of the trajectories whose turns were added."""
        columns = dict(zip(_Target._fields, zip(*self._targets, strict=True), strict=False))

        def column(name: str, dtype: type = np.int64) -> NDArray[Any]:
            return np.array(columns.get(name, ()), dtype=dtype)

        version_N = column("version")
        newest = self._lag.version if self._lag else version_N.max(initial=0)
        return PackedBatch(
            sequences=tuple(self._sequences(column("sequence"), column("place"))),
            token_N=column("token"),
            behaviour_N=column("behaviour", np.float64),
            temperature_N=column("temperature", np.float64),
            row_N=column("row"),
            offset_N=column("offset"),
            trajectory_N=column("trajectory"),
            support_N=columns.get("support", ()),
            stale_N=version_N < newest,
            group_T=_codes([trajectory.group for trajectory in trajectories]),
            won_T=np.array([np.nan if t.success is None else t.success for t in trajectories], np.float64),
            num_rows=self.num_rows,
            num_forced=self._num_forced,
            num_tokens=sum(self._length),
        )

    def _sequences(self, sequence_N: Ints, place_N: Ints) -> list[PackedSequence]:
        bounds_S = np.searchsorted(sequence_N, np.arange(len(self._owner) + 1)).tolist()
        return [
            PackedSequence(
                ids_L=np.array(self.joined.ids[s][:length], dtype=np.int64),
                place_N=place_N[bounds_S[s] : bounds_S[s + 1]],
                start=bounds_S[s],
                trajectory=owner,
            )
            for s, (owner, length) in enumerate(zip(self._owner, self._length, strict=True))
        ]


def _codes(names: Sequence[str]) -> Ints:
    """Return names as numbers from 0, in order of appearance."""
    known: dict[str, int] = {}
    return np.array([known.setdefault(name, len(known)) for name in names], dtype=np.int64)


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
