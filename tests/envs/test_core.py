"""The environment contract: Utf8, TextEnv, Checked, make, register.

1. Utf8 holds all of Unicode but lone surrogates, up to its length.
2. make fills in state_key, sorts the admissible actions, and names the environment that breaks the contract.
3. A class of the user's own works by module:Class and by file.py:Class.
4. An environment names its teacher without being made.
5. An unknown name gets "did you mean".
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import turnwise
from turnwise.envs import Utf8, teacher_of
from turnwise.envs.check import check_environment
from turnwise.envs.core import Checked
from turnwise.envs.fingerprint import without_docstrings
from turnwise.errors import EnvironmentFault, UnknownName, UsageError

GUESS = """
from turnwise import TextEnv

class Guess(TextEnv):
    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.secret = int(self.np_random.integers(1, 11))
        return "Guess a number from 1 to 10.", {}

    def step(self, action):
        won = action.strip() == str(self.secret)
        return ("Yes." if won else "No."), float(won), won, False, {"won": won}
"""


class Wrong(turnwise.TextEnv):
    """An environment that returns what the test gave it."""

    def __init__(self, result: Any = None) -> None:
        self.result = result

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[str, dict[str, Any]]:
        super().reset(seed=seed)
        return "start", {}

    def step(self, action: str) -> Any:
        return self.result


@pytest.fixture
def guess_file(tmp_path: Path) -> Path:
    file = tmp_path / "guess_env.py"
    file.write_text(GUESS)
    return file


@given(st.text(max_size=60))
def test_utf8_holds_exactly_what_encodes(text: str) -> None:
    assert Utf8(50).contains(text) == (len(text) <= 50)


def test_utf8_refuses_surrogates_and_other_types() -> None:
    space = Utf8()
    assert not space.contains("a\ud800b")
    assert not space.contains(b"abc")
    assert space == Utf8() and space != Utf8(10)
    assert all(space.contains(space.sample()) for _ in range(20))


def test_own_environment_by_file_passes_every_check(guess_file: Path) -> None:
    verdicts = check_environment(f"{guess_file}:Guess", num_turns=5)
    assert [v.outcome for v in verdicts] == ["passed"] * 7 + ["skipped"]


@pytest.mark.parametrize(
    ("said", "outcome"), [('"won": True', "passed"), ('"won": False', "failed"), ("", "skipped")]
)
def test_the_expert_is_judged_by_what_the_environment_says_of_winning(
    guess_file: Path, said: str, outcome: str
) -> None:
    guess_file.write_text(
        "from turnwise import TextEnv\n\nclass Paid(TextEnv):\n"
        "    def reset(self, *, seed=None, options=None):\n"
        "        super().reset(seed=seed)\n"
        '        return "Go.", {"private": {"expert": "go"}} if (options or {}).get("expert") else {}\n\n'
        "    def step(self, action):\n"
        f'        return "Done.", 1.0, True, False, {{{said}}}\n'
    )
    verdicts = {v.name: v for v in check_environment(f"{guess_file}:Paid", num_turns=3)}
    (expert,) = [verdict for name, verdict in verdicts.items() if "expert" in name]
    assert expert.outcome == outcome
    assert verdicts["says who has won"].outcome == ("passed" if said else "skipped")
    assert ("does not say info['won']" in expert.detail) == (outcome == "skipped")


def test_state_key_defaults_to_the_observation(guess_file: Path) -> None:
    env = turnwise.make(f"{guess_file}:Guess")
    observation, info = env.reset(seed=0)
    assert info["state_key"] == observation
    observation, *_, info = env.step("0")
    assert (observation, info["state_key"]) == ("No.", "No.")


@pytest.mark.parametrize("given", [["b", "a"], ("b", "a"), {"b", "a"}])
def test_admissible_actions_may_come_in_any_order(given: Any) -> None:
    told = {"rewards": {}, "admissible": given, "task": "t"}
    env = turnwise.make(Wrong, result=("seen", 0.0, False, False, told))
    env.reset(seed=0)
    info = env.step("x")[4]
    assert info["admissible"] == ["a", "b"] and told["admissible"] is given
    assert list(info) == ["rewards", "admissible", "task", "state_key"]


@pytest.mark.parametrize(
    ("result", "message"),
    [
        (None, "five|observation, reward"),
        (("a", 0.0, False, False), "observation, reward"),
        ((b"a", 0.0, False, False, {}), "a str"),
        (("a", float("nan"), False, False, {}), "finite"),
        (("a", float("inf"), False, False, {}), "finite"),
        (("a", "much", False, False, {}), "finite"),
        (("\ud800", 0.0, False, False, {}), "surrogate"),
        (("a" * 70_000, 0.0, False, False, {}), "70000 characters"),
        (("a", 0.0, False, False, None), "a dict"),
        (("a", 0.0, False, False, {"admissible": ["b", 1]}), "texts"),
        (("a", 0.0, False, False, {"admissible": "look"}), "texts"),
        (("a", 0.0, False, False, {"admissible": 3}), "texts"),
    ],
)
def test_what_breaks_the_contract_is_named(result: Any, message: str) -> None:
    env = turnwise.make(Wrong, result=result)
    env.reset(seed=0)
    with pytest.raises(EnvironmentFault, match=message) as caught:
        env.step("x")
    assert "Wrong.step" in str(caught.value)


def test_a_teacher_is_found_without_making_the_environment(
    guess_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from turnwise.envs.household.env import HouseholdEnv

    env = turnwise.make("household/demo-v0")
    observation, info = env.reset(seed=3)
    monkeypatch.setattr(HouseholdEnv, "__init__", None)
    factory = teacher_of("household/demo-v0")
    assert factory is not None
    teacher = factory(info["instruction"], np.random.default_rng(0))
    assert teacher.act(observation, info["admissible"]) in info["admissible"]
    assert isinstance(teacher.subgoal, str)
    assert teacher_of(f"{guess_file}:Guess") is None
    with pytest.raises(UnknownName, match="did you mean"):
        teacher_of("household/mix-v1")


def test_unknown_names_say_what_is_close(guess_file: Path) -> None:
    with pytest.raises(UnknownName, match=r"did you mean .*household/mix-v0"):
        turnwise.make("household/mix-v1")
    with pytest.raises(UnknownName, match="did you mean 'Guess'"):
        turnwise.make(f"{guess_file}:Gues")
    with pytest.raises(UsageError, match=r"environment 'nowhere\.py:Guess': there is no Python file"):
        turnwise.make("nowhere.py:Guess")
    with pytest.raises(UsageError, match="No module named"):
        turnwise.make("nowhere.at_all:Guess")
    with pytest.raises(UsageError, match=r"expected package\.module:Class"):
        turnwise.make(":Guess")
    with pytest.raises(UsageError, match=r"Guess takes no arguments, and was given 'colour'"):
        turnwise.make(f"{guess_file}:Guess", colour="red")


def test_register_refuses_bad_and_taken_ids() -> None:
    with pytest.raises(UsageError, match="family/name-vN"):
        turnwise.register("Household/Mix-v0", Wrong)
    turnwise.register("testing/wrong-v0", Wrong, description="for this test")
    try:
        assert turnwise.registered()["testing/wrong-v0"] == "for this test"
        assert gymnasium.make("testing/wrong-v0").unwrapped.reset(seed=1)[0] == "start"
        with pytest.raises(UsageError, match="registered already"):
            turnwise.register("testing/wrong-v0", Wrong)
    finally:
        from turnwise.envs import registry

        registry._OURS.pop("testing/wrong-v0")
        gymnasium.registry.pop("testing/wrong-v0")


def test_a_fingerprint_is_that_of_the_code_and_not_of_its_docstrings():
    code = (
        b'"""A module."""\n\nclass Env:\n    """One\n    room."""\n\n'
        b'    def step(self):\n        """Step."""\n        return "won"\n'
    )
    other = code.replace(b"One\n    room.", b"Another room.").replace(b"A module.", b"The module.")
    assert without_docstrings(code) == without_docstrings(other)
    assert without_docstrings(code) != without_docstrings(code.replace(b"won", b"lost"))
    assert b"return" in without_docstrings(code) and b"room" not in without_docstrings(code)
    assert without_docstrings(b"def (") == b"def ("


def begun(result: tuple[Any, ...]) -> Checked[Any]:
    """Return an environment after its reset whose steps give this."""
    env = turnwise.make(Wrong, result=result)
    env.reset(seed=1)
    return env


@pytest.mark.parametrize(
    "reward", [1, True, np.float32(1.0), np.int64(1), np.array(1.0), np.array([1.0]), np.array([[1]])]
)
@pytest.mark.parametrize("over", [True, 1, np.bool_(True), np.array([True])])
def test_one_number_of_any_shape_is_a_reward(reward: Any, over: Any) -> None:
    result = begun(("x", reward, over, False, {})).step("go")
    assert (result[1], result[2], result[3]) == (1.0, True, False)
    assert [type(value) for value in result[1:4]] == [float, bool, bool]


@pytest.mark.parametrize(
    "reward", ["1.0", None, np.array([1.0, 2.0]), np.array([]), [1.0], 1j, np.array([np.inf])]
)
def test_what_is_not_one_number_is_no_reward(reward: Any) -> None:
    with pytest.raises(EnvironmentFault, match="expected a finite number"):
        begun(("x", reward, False, False, {})).step("go")


@pytest.mark.parametrize("over", ["False", None, 2, 0.5, [True], np.array([True, False])])
@pytest.mark.parametrize("place", [2, 3])
def test_what_is_not_true_or_false_ends_nothing(over: Any, place: int) -> None:
    result = ["x", 0.0, False, False, {}]
    result[place] = over
    with pytest.raises(EnvironmentFault, match="expected True or False"):
        begun(tuple(result)).step("go")


@pytest.mark.parametrize(
    "name", ["guess.py:Guess", "household/demo-v0", "shopping/generated-v0", "calling/office-v1"]
)
def test_a_step_before_reset_is_refused_as_over_the_wire(name: str, tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "guess.py").write_text(GUESS)
    monkeypatch.chdir(tmp_path)
    with turnwise.make(name) as env:
        with pytest.raises(UsageError, match=f"^{name}: step before reset: call reset first$"):
            env.step("look")
        with env.clone() as before, pytest.raises(UsageError, match="call reset first"):
            before.step("look")
        env.reset(seed=1)
        with env.clone() as copy:
            assert copy.step("3")[0] == env.step("3")[0]
