"""Turns that branches share: credited as the mean of their futures, in the loss once."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from turnwise.agents.tiny.model import TinyConfig
from turnwise.agents.types import Generation, Trajectory, Turn, VersionSpan
from turnwise.errors import TrainingError
from turnwise.trainers.assign import Assigned, Assigner
from turnwise.trainers.learner.sequences import PackedBatch, pack
from turnwise.trainers.learner.sharing import average_shared, learned_rows, owner_rows
from turnwise.trainers.recipe import from_tables

SIZES = TinyConfig(
    vocab_size=16,
    hidden_size=8,
    num_layers=1,
    num_heads=1,
    num_kv_heads=1,
    intermediate_size=8,
    max_positions=64,
)


def turn(index: int, prompt: tuple[int, ...], *tokens: int, reward: float = 0.0) -> Turn:
    said = Generation(
        "", prompt, tokens, tuple(-0.5 for _ in tokens), versions=(VersionSpan(3, 0, len(tokens)),)
    )
    return Turn(index, "o", f"s{index}", "a", reward, f"s{index + 1}", generation=said)


# root:   A B C      (return 1)
# leaf 1: A D        (return 0), branched from the root at turn 1
# leaf 2: A B E      (return 0), branched from the root at turn 2
# leaf 3: A D F      (return 1), branched from leaf 1 at turn 2
A = turn(0, (1,), 5, 6)
B, D = turn(1, (1, 5, 6, 2), 7), turn(1, (1, 5, 6, 2), 8)
C, E = (turn(2, (1, 5, 6, 2, 7, 2), token, reward=r) for token, r in ((9, 1.0), (10, 0.0)))
F = turn(2, (1, 5, 6, 2, 8, 2), 11, reward=1.0)
ROOT = Trajectory("e", "t", 0, "g", (A, B, C), "terminated", member=0)
LEAVES = (
    ROOT,
    replace(ROOT, turns=(A, D), member=1, parent="g#0", branch_turn=1, sampled_by=(0, 1)),
    replace(ROOT, turns=(A, B, E), member=2, parent="g#0", branch_turn=2, sampled_by=(0, 0, 2)),
    replace(ROOT, turns=(A, D, F), member=3, parent="g#1", branch_turn=2, sampled_by=(0, 1, 3)),
)
#         rows: A0 B1 C2 | A3 D4 | A5 B6 E7 | A8 D9 F10
OWNERS = [0, 1, 2, 0, 4, 0, 1, 7, 0, 4, 10]


def test_every_turn_has_one_owner() -> None:
    assert owner_rows(LEAVES).tolist() == OWNERS
    assert owner_rows(LEAVES[::-1]).tolist() == [8, 7, 2, 8, 9, 5, 8, 7, 8, 9, 10]


def assigned(**tables: dict[str, Any]) -> tuple[PackedBatch, Assigned]:
    recipe = from_tables(tables)
    assigner = Assigner.of(recipe.reward, recipe.credit, recipe.advantage, recipe.weights, recipe.plan)
    batch = assigner.pack(LEAVES)
    return batch, assigner.assign(LEAVES, batch, {}, None)


def test_without_its_parent_the_first_copy_owns_a_turn() -> None:
    #                 A0 D1 | A2 B3 E4 | A5 D6 F7: the root, which sampled A and B, failed
    assert owner_rows(LEAVES[1:]).tolist() == [0, 1, 0, 3, 4, 0, 1, 7]
    # leaves 2 and 3 alone share A only
    assert owner_rows(LEAVES[2:]).tolist() == [0, 1, 2, 0, 4, 5]


def test_trajectories_of_no_tree_share_nothing() -> None:
    assert owner_rows((ROOT, ROOT, replace(ROOT, group="h"))).tolist() == list(range(9))


def test_owners_have_the_mean_token_by_token() -> None:
    values = [np.array([float(row), 2.0 * row]) for row in range(11)]
    found = average_shared(values, np.array(OWNERS))
    assert found[0].tolist() == [(0 + 3 + 5 + 8) / 4, (0 + 3 + 5 + 8) / 2]
    assert found[1].tolist() == [(1 + 6) / 2, 1 + 6]
    assert found[4].tolist() == [(4 + 9) / 2, 4 + 9]
    assert found[2].tolist() == [2.0, 4.0]


def test_shared_tokens_are_targets_once() -> None:
    whole, once = pack(LEAVES), pack(LEAVES, np.array(OWNERS) != np.arange(11))
    assert whole.num_targets == 15
    # A has two tokens, B, C, D, E, F one each
    assert once.token_N.tolist() == [5, 6, 7, 9, 8, 10, 11]
    assert once.row_N.tolist() == [0, 0, 1, 2, 4, 7, 10]
    assert once.num_rows == whole.num_rows == 11
    # a copy is still read: the sequence of leaf 2 holds A and B before E
    assert once.sequences[2].ids_L.tolist() == whole.sequences[2].ids_L.tolist()


def test_the_credit_of_a_shared_turn_is_the_mean_of_its_futures() -> None:
    parts = {"credit": {"name": "grpo", "epsilon": 0.0}, "plan": {"name": "independent"}}
    _, prepared = assigned(**parts)
    # returns 1, 0, 0, 1: mean 0.5, deviation 1 / sqrt(3): advantages +-sqrt(3) / 2
    high = np.sqrt(3) / 2
    assert prepared.credit.advantage[:3] == pytest.approx([high] * 3)
    # A: all four; B: root and leaf 2; C: root; D: leaves 1 and 3; E: leaf 2; F: leaf 3
    assert prepared.advantage_N.tolist() == pytest.approx([0, 0, 0, high, 0, -high, high])
    assert assigned(**parts | {"plan": {"shared": "each"}})[0].num_targets == 15


def test_both_ways_are_the_same_gradient_where_each_token_weighs_alone() -> None:
    """The copies of a turn add up to its mean advantage times the number of its leaves."""
    once_batch, once = assigned(credit={"name": "gigpo"})
    each_batch, each = assigned(credit={"name": "gigpo"}, plan={"shared": "each"})
    owner_R = np.array(OWNERS)
    row_N = each_batch.row_N
    mean_N = each.advantage_N / np.bincount(row_N)[row_N]  # a turn's tokens have one advantage
    summed_R = np.bincount(owner_R[row_N], mean_N, minlength=11)
    num_leaves_R = np.bincount(owner_R, minlength=11)
    for row, advantage in zip(once_batch.row_N.tolist(), once.advantage_N.tolist(), strict=True):
        assert summed_R[row] == pytest.approx(advantage * num_leaves_R[row])


def test_what_older_policies_sampled_is_stale() -> None:
    def at(version: int) -> Trajectory:
        said = replace(C.generation, versions=(VersionSpan(version, 0, 1),))
        return replace(ROOT, turns=(replace(C, index=0, generation=said),))

    assert pack([at(3), at(1)]).stale_N.tolist() == [False, True]
    assert not pack([at(1), at(1)]).stale_N.any()


def test_what_is_given_or_left_out_is_no_target() -> None:
    """The root's first turn was given to it, leaf 1 is only compared with: D is learned from in leaf 3."""
    leaves = (replace(ROOT, given=1), replace(LEAVES[1], learned=False), *LEAVES[2:])
    assert np.flatnonzero(~learned_rows(leaves)).tolist() == [0, 3, 4]
    assert len(learned_rows(leaves)) == 11
    assert owner_rows(leaves).tolist() == [0, 1, 2, 3, 4, 0, 1, 7, 0, 9, 10]
    alone = (leaves[0], leaves[1])
    batch = pack(alone, ~learned_rows(alone))
    assert batch.token_N.tolist() == [7, 9]
    assert batch.row_N.tolist() == [1, 2]
    assert batch.num_rows == 5
    (sequence,) = batch.sequences  # leaf 1 is not even read
    assert sequence.ids_L.tolist() == [1, 5, 6, 2, 7, 2]
    # a given turn has no logprobs: nobody sampled it
    bare = replace(A, generation=replace(A.generation, logprobs=()))
    assert (
        pack((replace(ROOT, turns=(bare, B, C), given=1),), np.array([True, False, False])).num_targets == 2
    )
    with pytest.raises(TrainingError, match="behaviour logprobs"):
        pack((replace(ROOT, turns=(bare, B, C)),))
