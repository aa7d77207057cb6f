"""Hidden states of a policy at the places of its turns where values are read.

One forward pass over a batch before its update; what it finds serves the values,
and afterwards the critic's learning, so that a critic costs no pass of its own.

Shapes: _R turns, _L tokens of all turns end to end, _P states, _D hidden width.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ...agents.models import CausalLM
from ...agents.types import Trajectory, Turn
from ...ends import CUT_OFF
from ..credit.base import Place
from .forward import cut_for, device_of, pad
from .group import ALONE, Group
from .heads import offset
from .sequences import Ints, JoinedSequences

At = Callable[[CausalLM, "Wanted", int], Tensor]
"""Finds wanted states [P, D] of a model in passes of a size: `states_at`."""


@dataclass(frozen=True, slots=True)
class CriticStates:
    """The states of a batch at the places that the value heads read."""

    state_PD: Tensor  # float32
    index: dict[Place, Ints]  # [R] into the states; [L] for "tokens"
    length_R: Ints  # generated tokens
    after_R: Ints  # state after the last turn of a trajectory that was cut off; -1 elsewhere


def read_states(
    model: CausalLM,
    trajectories: Sequence[Trajectory],
    places: Collection[Place],
    max_tokens: int,
    at: At | None = None,
) -> CriticStates:
    """Run a model over trajectories, without gradient.

    A trajectory that was cut off has a state after its end: that of the prompt
    which its next message would have answered. Where the policy's context had no
    room for that prompt, the state at the end of its last message stands for it.

    Args:
        model: the policy's own weights.
        trajectories: with tokens on each turn; turn number r is row r of their turn table.
        places: which places are wanted.
        max_tokens: padded size of one forward pass.
        at: finds the states; by default `states_at`.
    """
    wanted = Wanted()
    index: dict[Place, list[int]] = {place: [] for place in sorted(places)}
    after: list[int] = []
    for trajectory in trajectories:
        wanted.joined.close()
        for turn in trajectory.turns:
            _want(turn, wanted, index)
            after.append(-1)
        if trajectory.turns and trajectory.end in CUT_OFF:
            final = trajectory.final_prompt_ids
            after[-1] = wanted.add(wanted.joined.add(final) if final else len(wanted.joined.ids[-1]) - 1)
    turns = [turn for trajectory in trajectories for turn in trajectory.turns]
    return CriticStates(
        state_PD=(at or states_at)(model, wanted, max_tokens),
        index={place: np.array(found, dtype=np.int64) for place, found in index.items()},
        length_R=np.array([len(turn.generation.token_ids) for turn in turns], dtype=np.int64),
        after_R=np.array(after, dtype=np.int64),
    )


def _want(turn: Turn, wanted: Wanted, index: dict[Place, list[int]]) -> None:
    before = wanted.joined.add(turn.generation.prompt_ids, turn.generation.token_ids)
    for place, found in index.items():
        if place == "tokens":
            found.extend(wanted.add(before + k) for k in range(len(turn.generation.token_ids)))
        else:
            found.append(wanted.add(before + offset(turn, place)))


class Wanted:
    """Joined sequences, and the places in them whose states are wanted."""

    def __init__(self) -> None:
        self.joined = JoinedSequences()
        self.places: list[tuple[int, int]] = []  # sequence, place

    def add(self, place: int) -> int:
        """Ask for the state at a place of the last sequence; return its number."""
        self.places.append((len(self.joined.ids) - 1, place))
        return len(self.places) - 1


@torch.no_grad()
def states_at(model: CausalLM, wanted: Wanted, max_tokens: int, group: Group = ALONE) -> Tensor:
    """Return the states [P, D] that were asked for.

    Args:
        model: whose they are.
        wanted: the places.
        max_tokens: padded size of one forward pass.
        group: the ranks that compute them, each its share.
    """
    ids, device = wanted.joined.ids, device_of(model)
    state_PD = np.zeros((len(wanted.places), model.hidden_size), dtype=np.float32)
    numbers_of: dict[int, list[int]] = {}
    for number, (sequence, _) in enumerate(wanted.places):
        numbers_of.setdefault(sequence, []).append(number)
    units = [np.array([s]) for s in numbers_of]
    for chosen in cut_for(group, [len(row) for row in ids], units, max_tokens):
        hidden_BLD = model.hidden(*pad([ids[s] for s in chosen] or [[0]], device))
        rows = [row for row, s in enumerate(chosen) for _ in numbers_of[s]]
        numbers = [number for s in chosen for number in numbers_of[s]]
        places = [wanted.places[number][1] for number in numbers]
        state_PD[numbers] = hidden_BLD[rows, places].float().cpu().numpy()
    return torch.from_numpy(group.sum(state_PD))
