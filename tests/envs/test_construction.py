"""Making an environment: arguments held against the signature, one line for what its code raises."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from typer.testing import CliRunner

import turnwise
from turnwise import TextEnv
from turnwise.__main__ import app
from turnwise.arguments import also_takes, options_of_maker
from turnwise.envs.registry import arguments
from turnwise.errors import EnvironmentFault, UnknownName, UsageError


class Walk(TextEnv):
    """Walk.

    Args:
        length: how far, from 1
            to 9.
        pace: slow or fast.

    Raises:
        ValueError: for a length: of another kind.
    """

    def __init__(
        self,
        length: int = 3,
        pace: Literal["slow", "fast"] = "slow",
        name: str | None = None,
        data: Path = Path(),
    ) -> None:
        if length == 7:
            raise KeyError("SECRET")
        if length == 8:
            raise ValueError("two\nlines " + "long " * 100)
        self.length = length

    def reset(self, *, seed=None, options=None):
        return "here", {}

    def step(self, action):
        return "there", 1.0, True, False, {}


class Needs(Walk):
    """Walk with what has to be given."""

    def __init__(self, way: str, **more: int) -> None:
        super().__init__(**more)


class Hike(Walk):
    """A walk uphill.

    Args:
        food: what is eaten.
    """

    def __init__(self, *, food: str = "bread", climb: int = 1) -> None:
        super().__init__()
        self.eaten = f"{food} {climb}"


class Tour(Hike):
    """A hike between places.

    Args:
        start: where.
    """

    @also_takes(Hike)
    def __init__(self, start: str, **how: object) -> None:
        super().__init__(**how)


def test_arguments_that_are_handed_on_are_those_of_the_base() -> None:
    assert [option.line for option in options_of_maker(Tour, positional=True)] == [
        "  start: a text, required: where.",
        "  food: a text, default 'bread': what is eaten.",
        "  climb: a whole number, default 1",
    ]
    assert turnwise.make(Tour, start="home", climb=2).text_env.eaten == "bread 2"
    with pytest.raises(UnknownName, match=r"'clim': did you mean 'climb'"):
        turnwise.make(Tour, start="home", clim=2)
    with pytest.raises(UsageError, match="climb = 'high'; expected a whole number"):
        turnwise.make(Tour, start="home", climb="high")


def test_a_misspelt_argument_is_told_the_closest() -> None:
    with pytest.raises(
        UnknownName, match=r"argument of household/demo-v0 'dificulty': did you mean 'difficulty'"
    ):
        turnwise.make("household/demo-v0", dificulty="small")
    with pytest.raises(
        UnknownName, match=r"'lenth': did you mean 'length'\? \(it takes length, pace, name, data\)"
    ):
        turnwise.make(Walk, lenth=3)
    turnwise.make(Needs, way="north", length=2)  # what **more takes is its own business


def test_arguments_are_listed_once() -> None:
    with pytest.raises(UnknownName, match=r"argument of .*Walk 'split': it takes length, pace, name, data$"):
        turnwise.make(Walk, split="all")


def test_an_argument_that_lacks_or_has_another_type_is_named() -> None:
    with pytest.raises(UsageError, match=r"Needs: missing a required argument: 'way'"):
        turnwise.make(Needs)
    for value in ("many", 2.5, True):
        with pytest.raises(UsageError, match=rf"length = {value!r}; expected a whole number"):
            turnwise.make(Walk, length=value)
    for length in (3, np.int64(3)):
        assert turnwise.make(Walk, length=length, name=None).text_env.length == 3


def test_what_a_constructor_raises_becomes_one_line_with_the_cause() -> None:
    with pytest.raises(EnvironmentFault) as caught:
        turnwise.make(Walk, length=7)
    assert "Walk could not be made: KeyError: 'SECRET' (line " in str(caught.value)
    assert str(caught.value).endswith("in __init__)") and isinstance(caught.value.__cause__, KeyError)
    with pytest.raises(EnvironmentFault, match="ValueError: two lines long") as caught:
        turnwise.make(Walk, length=8)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 450


def test_arguments_are_listed_with_types_defaults_and_choices() -> None:
    assert [option.line for option in options_of_maker(Walk, positional=True)] == [
        "  length: a whole number, default 3: how far, from 1 to 9.",
        "  pace: one of 'slow', 'fast', default 'slow': slow or fast.",
        "  name: a text, default None",
        "  data: a path, default PosixPath('.')",
    ]
    assert next(option.line for option in arguments("household/demo-v0") if option.name == "difficulty") == (
        "  difficulty: a text, default 'small': small, medium or full."  # the id's own value
    )
    assert next(iter(arguments("search/qa-v1"))).line.startswith("  questions: a path, required")
    assert next(iter(arguments("CartPole-v1"))).name == "sutton_barto_reward"


@pytest.mark.parametrize("env_id", sorted(turnwise.envs.registered()))
def test_every_argument_of_every_environment_is_described(env_id: str) -> None:
    assert [option.name for option in arguments(env_id) if not option.help] == []


def test_a_file_that_raises_while_it_is_imported_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "needy.py").write_text("import os\nKEY = os.environ['A_KEY_THAT_IS_MISSING']\n")
    with pytest.raises(UsageError, match=r"needy\.py cannot be imported: KeyError: 'A_KEY_THAT_IS_MISSING'"):
        turnwise.make(f"{tmp_path / 'needy.py'}:Env")


def test_play_says_in_one_line_what_an_environment_raises(tmp_path: Path) -> None:
    (tmp_path / "falls.py").write_text(
        "from turnwise import TextEnv\n"
        "class Falls(TextEnv):\n"
        "    def reset(self, *, seed=None, options=None):\n"
        "        raise LookupError('no data in\\nthe cellar')\n"
    )
    done = CliRunner().invoke(app, ["play", f"{tmp_path / 'falls.py'}:Falls"])
    assert isinstance(done.exception, EnvironmentFault)
    assert "Falls failed: LookupError: no data in the cellar; `turnwise check" in str(done.exception)
