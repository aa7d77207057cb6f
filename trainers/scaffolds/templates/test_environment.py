"""The environment keeps the contract, and one task goes as it should."""

from __future__ import annotations

from pathlib import Path

import turnwise
from turnwise.envs.check import check_environment

FILE = Path(__file__).with_name("example.py")
PLACE = f"{FILE}:Example"


def test_it_keeps_the_contract() -> None:
    """Say what `turnwise check` says."""
    verdicts = check_environment(PLACE)
    assert [verdict for verdict in verdicts if verdict.outcome == "failed"] == []


def test_the_note_leads_to_the_coin() -> None:
    """Read, open what the note says, and be paid once."""
    with turnwise.make(PLACE) as env:
        env.reset(seed=7)
        said, reward, terminated, _, _ = env.step("read the note")
        assert (reward, terminated) == (0.0, False)
        colour = said.removeprefix("It says: ").removesuffix(".")
        said, reward, terminated, _, info = env.step(f"open the {colour} box")
        assert (said, reward, terminated, info["won"]) == ("A coin!", 1.0, True, True)
