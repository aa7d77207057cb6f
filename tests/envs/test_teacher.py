"""A teacher that breaks is one line, in `turnwise check` and in a warm start, with its turn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from turnwise.envs import teacher_of
from turnwise.envs.check import check_environment
from turnwise.envs.teacher import Teaching
from turnwise.errors import UsageError
from turnwise.trainers.warmstart.demonstrations import collect

# three tries are left; a fourth is asked for where others were played in place of them
DOOR = """
from turnwise import TextEnv

class Locksmith:
    subgoal = {subgoal}
    def __init__(self, instruction, chance):
        self.left, self.chance = ["push", "pull", "knock"], chance
    def act(self, observation, admissible):
        {act}

class Door(TextEnv):
    no_expert = "its teacher finds the way"
    @classmethod
    def teacher(cls):
        return Locksmith
    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.way = str(self.np_random.choice(["push", "pull", "knock"]))
        return "A door.", {{"admissible": ["push", "pull", "knock"], "instruction": "Open it."}}
    def step(self, action):
        won = action == self.way
        return "It moves.", float(won), won, False, {{"won": won, "admissible": ["push", "pull", "knock"]}}
"""
RUNS_OUT = "return self.left.pop(int(self.chance.integers(len(self.left))))"


def door(folder: Path, act: str = RUNS_OUT, subgoal: str = "'open'") -> str:
    folder.mkdir(exist_ok=True)
    (folder / "door.py").write_text(DOOR.format(act=act, subgoal=subgoal))
    return f"{folder}/door.py:Door"


def test_a_check_asks_the_teacher_where_other_actions_were_played(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("turnwise.envs.check.contract.same_across_processes", lambda *_: None)
    (broken,) = (v for v in check_environment(door(tmp_path)) if v.name == "teacher answers in any state")
    assert broken.outcome == "failed"
    assert "door.py:Door: its teacher raised ValueError: high <= 0, in act, turn 3;" in broken.detail
    *_, last = check_environment(door(tmp_path / "whole", "return 'push'"), num_turns=4)
    assert (last.name, last.outcome) == ("teacher answers in any state", "passed")


@pytest.mark.parametrize(
    ("act", "subgoal", "expected"),
    [
        ("return 1 / 0", "'open'", "raised ZeroDivisionError: division by zero, in act, turn 0"),
        ("raise SystemExit(3)", "'open'", "raised SystemExit: 3, in act, turn 0"),
        ("return None", "'open'", "act returned None in turn 0; expected text"),
        ("return 'push'", "7", "subgoal is 7 in turn 0; expected text"),
    ],
)
def test_a_warm_start_says_in_one_line_what_its_teacher_did(
    tmp_path: Path, act: str, subgoal: str, expected: str
) -> None:
    with pytest.raises(UsageError) as caught:
        collect(door(tmp_path, act, subgoal), {}, [1, 2, 3])
    assert f"door.py:Door: its teacher{chr(39) + 's' if 'raised' not in expected else ''} {expected}" in str(
        caught.value
    )
    assert "\n" not in str(caught.value)


def test_a_teacher_that_cannot_be_made_is_one_line() -> None:
    factory = teacher_of("household/demo-v0")
    assert factory is not None
    with pytest.raises(UsageError, match=r"household/demo-v0: its teacher raised .*, as it was made"):
        Teaching("household/demo-v0", factory, None, np.random.default_rng(0))  # type: ignore[arg-type]
