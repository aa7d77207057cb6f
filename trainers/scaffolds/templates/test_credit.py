"""The credit function gives what was computed by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from turnwise.credit import TurnTable, get
from turnwise.trainers.user_files import import_parts

import_parts([str(Path(__file__).with_name("example.py"))])


def test_by_hand() -> None:
    """Two episodes of two turns; only the first is paid, at its end.

    With gamma 0.5 its turns are worth 0.5 and 1, those of the other 0 and 0: the means are 0.25 and 0.5.
    """
    table = TurnTable.from_columns(
        group=["task"] * 4, trajectory=["won", "won", "lost", "lost"], reward=[0.0, 1.0, 0.0, 0.0]
    )
    credit = get("example")(table, gamma=0.5)
    np.testing.assert_allclose(credit.advantage, [0.25, 0.5, -0.25, -0.5])


def test_a_group_without_a_difference_gives_nothing() -> None:
    """Nothing can be learned from episodes that were all alike."""
    table = TurnTable.from_columns(group=["task"] * 2, trajectory=["a", "b"], reward=[1.0, 1.0])
    credit = get("example")(table)
    np.testing.assert_array_equal(credit.advantage, [0.0, 0.0])
