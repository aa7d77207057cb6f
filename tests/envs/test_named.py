"""Ids of other packages lead to a class, what is missing says so, and operators alone name code."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import turnwise
from turnwise.envs.registry import arguments, class_of, version_of
from turnwise.errors import UsageError
from turnwise.servers.isolation.catalogue import Catalogue
from turnwise.servers.isolation.descriptions import describe_env, description_from, plain_description
from turnwise.servers.protocol.problems import Refused


class Follows(turnwise.TextEnv):
    """An environment that imports what it is told to."""

    for_operators = ("code",)

    def __init__(self, code: str = "", size: int = 1) -> None:
        self.code, self.size = code, size


HERE = f"{__name__}:Follows"


def test_an_id_is_a_class_with_arguments_before_gymnasium_is_asked() -> None:
    cls = class_of("textarena:Wordle-v0")
    assert cls is class_of("textarena:Wordle-v0") and cls.named == "Wordle-v0"
    assert cls.__doc__ == "TextArena's Wordle-v0."
    assert [option.name for option in arguments("textarena:Wordle-v0")] == ["players", "seat", "opponent"]
    assert version_of("textarena:Wordle-v0") == version_of("reasoning-gym:leg_counting") == 0
    with pytest.raises(UsageError, match="expected reasoning-gym:NAME"):
        class_of("reasoning-gym:")


@pytest.mark.parametrize(
    ("id", "module", "package"),
    [("textarena:X-v0", "textarena", "TextArena"), ("reasoning-gym:x", "reasoning_gym", "reasoning-gym")],
)
def test_a_package_that_is_not_installed_is_named(
    id: str, module: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(UsageError, match=f"pip install {package}"):
        turnwise.make(id)


def test_what_names_code_is_for_the_operator_alone() -> None:
    catalogue = Catalogue([HERE])
    assert catalogue.admit(HERE, {"size": 2}) == {"size": 2}
    with pytest.raises(Refused) as refused:
        catalogue.admit(HERE, {"code": "os:system"})
    assert refused.value.problem.code == "not_allowed"
    assert "code" not in catalogue.listing()[0]["kwargs"]
    described = describe_env(HERE)
    assert described.withheld == ("code",)
    assert description_from({**plain_description(described), "files": [], "withheld": ["code"]}) == described
    assert describe_env("textarena:Nim-v0").withheld == ("opponent",)
    assert describe_env("reasoning-gym:n_queens").withheld == ("evaluates",)


def test_a_game_for_several_needs_somebody_who_plays_the_others(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="say who plays the others"):
        turnwise.make("textarena:Nim-v0", players=2)
    with pytest.raises(UsageError, match="from 0 to 1"):
        turnwise.make("textarena:Nim-v0", players=2, seat=2, opponent="m:f")


@pytest.mark.parametrize(
    ("id", "name"),
    [
        ("search/qa-v1", "retriever"),
        ("turnwise.envs.adapters.openenv:OpenEnv", "url"),
        ("turnwise.envs.adapters.mcp:McpEnv", "url"),
        ("turnwise.envs.adapters.mcp:McpEnv", "command"),
    ],
)
def test_no_client_says_whom_a_server_calls(id: str, name: str) -> None:
    with pytest.raises(Refused, match="is the operator's"):
        Catalogue([id]).admit(id, {name: "http://10.0.0.1"})
