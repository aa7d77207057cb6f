"""Turns that several trajectories of a tree share: credited as often as lived, learned from once.

A branch carries its parent's turns, so a turn before a fork stands in the turn
table once for each leaf beyond it. That is meant: estimators see every leaf as a
trajectory from the start, and a shared turn has one row for each of its futures.
Its advantage is the mean over those rows, and its tokens are targets of the loss
once, in the trajectory that sampled them (or, if that one is not in the batch, in
the first that carries them). This is the hard advantage estimation of ARPO (arXiv
2507.19849); with `[plan] shared = "each"` every copy stays a target with the
advantage of its own leaf, the soft estimation that is ARPO's default: in sum the
same mean, but weighing as much as the leaves that share it.

Shapes: _R rows (turns) of the turn table.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ...agents.types import Trajectory

Floats = NDArray[np.float64]
Key = tuple[str, int, int]  # group, member that sampled it, turn


def owner_rows(trajectories: Sequence[Trajectory]) -> NDArray[np.int64]:
    """Return for each row the row that its turn is learned from [R]; its own where it is not shared.

    What is not learned from at all owns no turn of others.
    """
    own: dict[Key, int] = {}
    copies: list[tuple[int, Key]] = []
    row = 0
    for trajectory in trajectories:
        if not trajectory.learned:
            row += len(trajectory.turns)
            continue
        for turn in range(len(trajectory.turns)):
            sampler = trajectory.sampled_by[turn] if trajectory.sampled_by else trajectory.member
            key = (trajectory.group, sampler, turn)
            if sampler == trajectory.member:
                own[key] = row
            else:
                copies.append((row, key))
            row += 1
    owner_R = np.arange(row)
    for copy, key in copies:
        owner_R[copy] = own.setdefault(key, copy)
    return owner_R


def learned_rows(trajectories: Sequence[Trajectory]) -> NDArray[np.bool_]:
    """Tell which rows stand for turns that are learned from [R]: not those that were given."""
    return np.array(
        [
            trajectory.learned and place >= trajectory.given
            for trajectory in trajectories
            for place in range(len(trajectory.turns))
        ],
        dtype=np.bool_,
    )


def average_shared(values: Sequence[Floats], owner_R: NDArray[np.int64]) -> list[Floats]:
    """Give the row that owns a turn the mean of all its rows, token by token.

    Args:
        values: one array a row, one number a token.
        owner_R: of `owner_rows`.

    Returns:
        the values with those of owners replaced; rows that are copies keep theirs.
    """
    rows_of: dict[int, list[int]] = {}
    for row, owner in enumerate(owner_R.tolist()):
        rows_of.setdefault(owner, []).append(row)
    averaged = list(values)
    for owner, rows in rows_of.items():
        if len(rows) > 1:
            averaged[owner] = np.mean([values[row] for row in rows], axis=0)
    return averaged
