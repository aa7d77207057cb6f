"""The documented keys of info: what is right, what is wrong, and that the page lists the same ones."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from turnwise import TextEnv
from turnwise.envs.check import check_environment
from turnwise.envs.info import KEYS, faults

PAGE = Path(__file__).parents[2] / "docs" / "environments.md"


def test_the_page_lists_the_same_keys() -> None:
    section = PAGE.read_text("utf-8").split("## Keys of info")[1].split("\n## ")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)) == set(KEYS)


def test_right_keys_and_those_of_an_environment_of_its_own_pass() -> None:
    info = {"won": np.bool_(True), "score": np.float64(0.5), "admissible": None, "suggestions": ["a"],
            "rewards": {"format": 1}, "tools": [{"name": "go"}], "private": {}, "scores": [1]}  # fmt: skip
    assert faults(info) == []


@pytest.mark.parametrize(
    ("info", "said"),
    [
        ({"won": "yes"}, "info['won'] is 'yes'; expected True or False"),
        ({"won": 1}, "expected True or False"),
        ({"score": float("nan")}, "expected a number"),
        ({"rewards": {"a": "b"}}, "expected a dict of numbers"),
        ({"suggestions": "look"}, "expected a list of texts"),
        ({"admissble": ["a"]}, "did you mean 'admissible'?"),
    ],
)
def test_wrong_keys_are_named(info: dict[str, object], said: str) -> None:
    (fault,) = faults(info)
    assert said in fault


class Forgetful(TextEnv):
    """It lists actions at the start and never again."""

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return "here", {"admissible": ["look"]}

    def step(self, action):
        return "there", 0.0, False, False, {}


def test_check_says_that_a_list_of_actions_is_missing_later() -> None:
    place = f"{__file__}:Forgetful"
    verdict = next(each for each in check_environment(place, num_turns=2) if each.name == "keys of info")
    assert verdict.outcome == "failed" and "turn 1: info['admissible'] is missing" in verdict.detail
