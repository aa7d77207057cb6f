"""The documented keys of info: what is right, what is wrong, and that the page lists the same ones."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from turnwise import TextEnv
from turnwise.envs.check import check_environment
from turnwise.envs.info import KEYS, faults, no_json

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


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"a": [1.0, None, "nan", {"b": (2, True)}], "c": np.arange(3), "d": np.float32(0.5)}, None),
        ({"a": [1.0, {"b": (2, float("-inf"))}]}, "info['a'][1]['b'][1] = -inf; expected finite numbers"),
        ({"a": np.array([1.0, np.nan])}, "info['a'] = [1.0, nan]; expected finite numbers"),
        ({"seen": {1}}, "info['seen'] is {1}; expected texts,"),
        ({"a": {3: "x"}}, "info['a'] has the key 3; expected texts as keys"),
        ({"a": [np.array(["x"])]}, "info['a'][0] is array(['x']"),
    ],
)
def test_what_json_cannot_hold_is_named_with_its_place(value: object, said: str | None) -> None:
    found = no_json(value)
    assert found == said if said is None else str(found).startswith(said)


class Dictionary(TextEnv):
    """An environment whose steps are looked up, so that most actions raise, and whose info holds a set."""

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        super().reset(seed=seed)
        return "Say go.", {"admissible": ["go"], "seen": {1}}

    def step(self, action: str) -> Any:
        return "Gone.", {"go": 1.0}[action], True, False, {"admissible": []}


def test_what_check_finds_is_said_in_a_sentence() -> None:
    verdicts = {verdict.name: verdict for verdict in check_environment(f"{__file__}:Dictionary")}
    fresh = verdicts["same bytes across processes and hash seeds"].detail
    assert fresh.startswith("a fresh process failed: info['seen'] is {1}; expected texts")
    assert "\n" not in fresh
    hostile = verdicts["any text as an action"].detail
    assert hostile.startswith("the action '' raised KeyError: '' (test_info_keys.py, line ")
    assert hostile.endswith("answer what you do not know with an observation that says so")
