"""Hidden states of a policy at the places of its turns where values are read.

One forward pass over a batch before its update; what it finds serves the values,
and afterwards the critic's learning, so that a critic costs no pass of its own.

Shapes: _R turns, _L tokens of all turns end to end, _P states, _D hidden width.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...agents.models import CausalLM
from ...agents.types import Trajectory, Turn
from .forward import device_of
from .heads import Place, offset

__all__ = ["Reading", "read"]

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Reading:
    """Hold the states of a batch."""

    state_PD: Tensor  # float32
    index: dict[Place, Ints]  # [R] into the states; [L] for "tokens"
    length_R: Ints  # generated tokens
    after_R: Ints  # state after the last turn of a trajectory that was cut off; -1 elsewhere


def read(
    model: CausalLM, trajectories: Sequence[Trajectory], places: Collection[Place], max_tokens: int
) -> Reading:
    """Run a model over trajectories, without gradient.

    A trajectory that was cut off has a state after its end: that of the prompt
    which its next message would have answered. Where the policy's context had no
    room for that prompt, the state at the end of its last message stands for it.

    Args:
        model: the policy's own weights.
        trajectories: with tokens on each turn; turn number r is row r of their turn table.
        places: which places are wanted.
        max_tokens: padded size of one forward pass.
    """
    sequences = _Sequences()
    index: dict[Place, list[int]] = {place: [] for place in sorted(places)}
    after: list[int] = []
    for trajectory in trajectories:
        sequences.close()
        for turn in trajectory.turns:
            _want(turn, sequences, index)
            after.append(-1)
        if trajectory.turns and trajectory.end in ("horizon", "tokens"):
            if trajectory.final_prompt_ids:
                sequences.prompt(trajectory.final_prompt_ids)
            after[-1] = sequences.want(sequences.num_tokens - 1)
    length_R = [len(turn.generation.token_ids) for each in trajectories for turn in each.turns]
    return Reading(
        state_PD=sequences.run(model, max_tokens),
        index={place: np.array(found, dtype=np.int64) for place, found in index.items()},
        length_R=np.array(length_R, dtype=np.int64),
        after_R=np.array(after, dtype=np.int64),
    )


def _want(turn: Turn, sequences: _Sequences, index: dict[Place, list[int]]) -> None:
    sequences.prompt(turn.generation.prompt_ids)
    before = sequences.num_tokens - 1
    sequences.append(turn.generation.token_ids)
    for place, found in index.items():
        if place == "tokens":
            found.extend(sequences.want(before + k) for k in range(len(turn.generation.token_ids)))
        else:
            found.append(sequences.want(before + offset(turn, place)))


class _Sequences:
    """Grow sequences as conversations do, and note which of their places are wanted."""

    def __init__(self) -> None:
        self._ids: list[list[int]] = []
        self._is_open = False
        self._wanted: list[tuple[int, int]] = []  # sequence, place

    @property
    def num_tokens(self) -> int:
        """Return the length of the last sequence."""
        return len(self._ids[-1])

    def close(self) -> None:
        """Let the next prompt begin a sequence of its own."""
        self._is_open = False

    def prompt(self, prompt_ids: tuple[int, ...]) -> None:
        """Continue the last sequence where a prompt does, else begin another."""
        if self._is_open and list(prompt_ids[: self.num_tokens]) == self._ids[-1]:
            self._ids[-1].extend(prompt_ids[self.num_tokens :])
        else:
            self._ids.append(list(prompt_ids))
            self._is_open = True

    def append(self, token_ids: tuple[int, ...]) -> None:
        """Add a message."""
        self._ids[-1].extend(token_ids)

    def want(self, place: int) -> int:
        """Ask for the state at a place of the last sequence; return its number."""
        self._wanted.append((len(self._ids) - 1, place))
        return len(self._wanted) - 1

    @torch.no_grad()
    def run(self, model: CausalLM, max_tokens: int) -> Tensor:
        """Return the states [P, D] that were asked for."""
        device = device_of(model)
        state_PD = torch.zeros(len(self._wanted), model.hidden_size)
        by_sequence: dict[int, list[int]] = {}
        for number, (sequence, _) in enumerate(self._wanted):
            by_sequence.setdefault(sequence, []).append(number)
        for chosen in self._pieces(list(by_sequence), max_tokens):
            ids_BL = torch.zeros(len(chosen), max(len(self._ids[s]) for s in chosen), dtype=torch.int64)
            for row, s in enumerate(chosen):
                ids_BL[row, : len(self._ids[s])] = torch.tensor(self._ids[s])
            lengths_B = torch.tensor([len(self._ids[s]) for s in chosen])
            hidden_BLD = model.hidden(ids_BL.to(device), lengths_B.to(device))
            rows = [row for row, s in enumerate(chosen) for _ in by_sequence[s]]
            numbers = [number for s in chosen for number in by_sequence[s]]
            places = [self._wanted[number][1] for number in numbers]
            state_PD[numbers] = hidden_BLD[rows, places].float().cpu()
        return state_PD

    def _pieces(self, sequences: Sequence[int], max_tokens: int) -> Iterator[list[int]]:
        """Yield sequences of similar length together, as many as fit."""
        piece: list[int] = []
        for sequence in sorted(sequences, key=lambda s: len(self._ids[s]), reverse=True):
            if piece and (len(piece) + 1) * len(self._ids[piece[0]]) > max_tokens:
                yield piece
                piece = []
            piece.append(sequence)
        if piece:
            yield piece
