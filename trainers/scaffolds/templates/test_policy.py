"""The policy plays, and keeps to its rule."""

from __future__ import annotations

from pathlib import Path

import turnwise

FILE = Path(__file__).with_name("example.py")
PLACE = f"{FILE}:Example"


def test_it_plays_without_an_error() -> None:
    """Play four tasks: each is counted."""
    evaluation = turnwise.evaluate("household/demo-v0", PLACE, episodes=4)
    assert evaluation.coverage == 1.0


def test_it_tries_what_it_has_not_tried() -> None:
    """Do nothing a second time while there is something new: the first four turns differ."""
    (episode,) = turnwise.rollout("household/demo-v0", PLACE, seeds=[3], group_size=1).trajectories
    actions = [turn.action for turn in episode.turns[:4]]
    assert len(set(actions)) == len(actions)
