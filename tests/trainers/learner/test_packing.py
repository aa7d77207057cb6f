"""Packing: one sequence a conversation, targets at the right logits, forced tokens as input only."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from turnwise.agents.types import Generation, Trajectory, Turn
from turnwise.errors import TrainingError
from turnwise.trainers.learner.forward import collate, cut, group_units
from turnwise.trainers.learner.sequences import pack


def turn(
    prompt: list[int], tokens: list[int], support: tuple = (), logprobs: list[float] | None = None
) -> Turn:
    generation = Generation(
        text="",
        prompt_ids=tuple(prompt),
        token_ids=tuple(tokens),
        logprobs=tuple(logprobs if logprobs is not None else [-0.5] * len(tokens)),
        support=support,
    )
    return Turn(0, "", "", "", 0.0, "", generation=generation)


def trajectory(*turns: Turn) -> Trajectory:
    return Trajectory("e", "t", 0, "g", turns, "terminated")


def test_conversation_is_one_sequence() -> None:
    batch = pack([trajectory(turn([1, 2], [3, 4]), turn([1, 2, 3, 4, 9, 8], [5]))])
    (sequence,) = batch.sequences
    # the last sampled token (5) predicts nothing and is no input
    assert sequence.ids_L.tolist() == [1, 2, 3, 4, 9, 8]
    assert sequence.place_N.tolist() == [1, 2, 5]
    assert batch.token_N.tolist() == [3, 4, 5]
    assert batch.row_N.tolist() == [0, 0, 1]
    assert batch.offset_N.tolist() == [0, 1, 0]
    assert batch.num_tokens == 6


def test_windows_and_trajectories_stand_alone() -> None:
    batch = pack([trajectory(turn([1, 2], [3]), turn([1, 7], [4])), trajectory(turn([1, 7, 4, 6], [5]))])
    # the third prompt continues the second's text, but belongs to another trajectory
    assert [s.ids_L.tolist() for s in batch.sequences] == [[1, 2], [1, 7], [1, 7, 4, 6]]
    assert batch.trajectory_N.tolist() == [0, 0, 1]
    assert [unit.tolist() for unit in group_units(batch, "trajectory")] == [[0, 1], [2]]


def test_forced_tokens_are_input_but_no_target() -> None:
    support = ((3, 4), (7,), None)
    batch = pack([trajectory(turn([1], [3, 7, 5], support), turn([1, 3, 7, 5, 2], [6], ((6,),)))])
    assert batch.token_N.tolist() == [3, 5]
    assert batch.offset_N.tolist() == [0, 2]
    assert batch.support_N == ((3, 4), None)
    assert batch.num_forced == 2
    assert batch.num_rows == 2
    # the second turn has no target; the sequence ends with its prompt
    assert batch.sequences[0].ids_L.tolist() == [1, 3, 7, 5, 2]


def test_a_policy_without_tokens_is_refused() -> None:
    with pytest.raises(TrainingError, match="only a policy that returns both"):
        pack([trajectory(turn([], []))])
    with pytest.raises(TrainingError, match="2 tokens but 1 behaviour"):
        pack([trajectory(turn([1], [2, 3], logprobs=[-1.0]))])


@given(
    lengths=st.lists(st.integers(1, 30), min_size=1, max_size=20),
    max_tokens=st.integers(1, 200),
    unit=st.sampled_from(["turn", "trajectory"]),
)
@settings(deadline=None, max_examples=60)
def test_a_cut_is_a_partition_within_the_budget(lengths: list[int], max_tokens: int, unit: str) -> None:
    trajectories = [
        trajectory(*(turn([10 + i] * n, [1]) for i, n in enumerate(lengths[k : k + 3])))
        for k in range(0, len(lengths), 3)
    ]
    batch = pack(trajectories)
    units = group_units(batch, unit)  # type: ignore[arg-type]
    pieces = cut([len(sequence.ids_L) for sequence in batch.sequences], units, max_tokens)
    assert sorted(np.concatenate(pieces).tolist()) == list(range(len(batch.sequences)))
    unit_of = {int(s): u for u, members in enumerate(units) for s in members}
    for piece in pieces:
        padded = len(piece) * max(len(batch.sequences[i].ids_L) for i in piece)
        assert padded <= max_tokens or len({unit_of[int(i)] for i in piece}) == 1
    for members in units:
        assert len({next(p for p, piece in enumerate(pieces) if s in piece) for s in members}) == 1


def test_collate_points_at_the_logits_that_predict_the_targets() -> None:
    batch = pack([trajectory(turn([1, 2], [3, 4])), trajectory(turn([5], [6]))])
    micro = collate(batch, np.array([1, 0]), torch.device("cpu"))
    assert micro.ids_BL.tolist() == [[5, 0, 0], [1, 2, 3]]
    assert micro.lengths_B.tolist() == [1, 3]
    assert micro.flat_N.tolist() == [0, 4, 5]
    assert micro.tokens == [6, 3, 4]
    assert micro.index_N.tolist() == [2, 0, 1]
