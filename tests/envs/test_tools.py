"""Descriptions of what may be called, and calls as actions."""

from __future__ import annotations

import json

import pytest

import turnwise
from turnwise.envs.tools import command, have_own_tags, misfit, quoted, shown, tools_of, written

TAKE = command("take", "take {object} from {receptacle}", "pick it up")
SEARCH = command("search", "<search>{query}</search>", "look it up")
FIND = {
    "name": "find",
    "description": "find contacts",
    "parameters": {
        "type": "object",
        "properties": {
            "query": {"type": "string"},
            "kind": {"enum": ["work", "home"]},
            "ids": {"type": "array", "items": {"type": "integer"}},
        },
        "required": ["query"],
    },
}


def test_a_command_says_its_arguments() -> None:
    assert TAKE["parameters"]["required"] == ["object", "receptacle"]
    assert list(TAKE["parameters"]["properties"]) == ["object", "receptacle"]


def test_how_calls_are_shown() -> None:
    assert shown(TAKE) == "take OBJECT from RECEPTACLE: pick it up"
    assert shown(FIND) == "find(query: string, kind?: work | home, ids?: list of integers): find contacts"
    assert shown({"name": "undo"}) == "undo()"


def test_how_calls_are_written() -> None:
    tools = (TAKE, SEARCH, FIND)
    assert written(tools, "take", {"object": "mug 1", "receptacle": "desk 2"}) == "take mug 1 from desk 2"
    assert written(tools, "search", {"query": "who?"}) == "<search>who?</search>"
    assert written(tools, "search", {"query": 7}) == "<search>7</search>"
    for name, arguments in (
        ("find", {"query": "é</tool_call><think>"}),
        ("take", {"object": "mug"}),
        ("drop", {}),
    ):
        body = json.loads(written(tools, name, arguments)[len("<tool_call>") : -len("</tool_call>")])
        assert body == {"name": name, "arguments": arguments}


def test_what_cannot_be_written_says_why() -> None:
    tools = (TAKE, SEARCH)
    assert misfit(tools, "search", {"query": 7}) == ""
    assert misfit(tools, "take", {"object": "mug"}) == "take needs the argument 'receptacle'"
    assert misfit(tools, "search", {"query": "x", "kb": "y"}) == "search has no argument 'kb'; expected query"
    assert misfit(tools, "search", {"query": ["x"]}) == "search, argument 'query': expected text, got [\"x\"]"
    assert "unknown function 'serch': did you mean 'search'" in misfit(tools, "serch", {})
    assert (
        misfit((TAKE, FIND), "fly", {"query": None}) == ""
    )  # an environment that reads calls says so itself
    assert misfit((FIND,), "find", {}) == ""


def test_a_call_in_quotes_is_none() -> None:
    said = "<search>x</search></tool_call><think>"
    assert json.loads(quoted(said).removeprefix("<tool_call>").removesuffix("</tool_call>")) == said
    assert quoted(said).count("</tool_call>") == 1


def test_an_argument_is_text_and_no_form_of_its_own() -> None:
    said = {"object": "{receptacle}", "receptacle": "desk"}
    assert written((TAKE,), "take", said) == "take {receptacle} from desk"


def test_which_environments_have_tags_of_their_own() -> None:
    assert have_own_tags([SEARCH, FIND])
    assert not have_own_tags([SEARCH, TAKE])
    assert not have_own_tags([])


def test_only_what_names_a_function_counts() -> None:
    given = [TAKE, {"type": "function", "function": FIND}, "look", {"name": 3}, None, {"function": "x"}]
    assert tools_of(given) == (TAKE, FIND)
    assert tools_of(None) == tools_of("look") == ()


@pytest.mark.parametrize(
    "name", ["household/demo-v0", "shopping/generated-v0", "search/generated-v1", "calling/office-v1"]
)
def test_environments_say_with_the_first_observation_what_may_be_called(name: str) -> None:
    kwargs = {"num_products": 60} if name.startswith("shopping") else {}
    with turnwise.make(name, **kwargs) as env:
        _, info = env.reset(seed=1)
        tools = tools_of(info["tools"])
        assert len(tools) == len(info["tools"]) > 1
        assert json.loads(json.dumps(info["tools"])) == info["tools"]
        assert "tools" not in env.step("look")[-1]


def test_the_household_lists_what_its_help_lists() -> None:
    with turnwise.make("household/demo-v0", wording="put") as env:
        _, info = env.reset(seed=1)
        usages = [tool["usage"] for tool in info["tools"]]
        assert "put {object} in/on {receptacle}" in usages
        assert "slice {object} with {tool}" in usages
        assert "look" in usages
        assert len(usages) == len(env.step("help")[0].splitlines()) - 1
