"""Calls, results, tasks and graders of an MCP server's tools, without the package."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnwise.envs.adapters.mcp import McpEnv
from turnwise.envs.adapters.mcp.messages import Call, Unread, read_message
from turnwise.envs.adapters.mcp.results import Result, cut, observation_of, result_of, tools_from
from turnwise.envs.adapters.mcp.tasks import McpTask, grader_of, load_tasks, score_of
from turnwise.envs.images import as_text, png
from turnwise.errors import EnvironmentFault, UsageError
from turnwise.servers.isolation.descriptions import describe_env

PICTURE = as_text(png(np.zeros((1, 1), np.uint8), [(0, 0, 0)]))


def block(type: str, **values: Any) -> SimpleNamespace:
    """Return a block of a result."""
    return SimpleNamespace(type=type, **values)


def answer(*blocks: Any, structured: Any = None, failed: bool = False) -> SimpleNamespace:
    """Return what a server has answered."""
    return SimpleNamespace(content=list(blocks), structured_content=structured, is_error=failed)


@pytest.mark.parametrize(
    ("message", "read"),
    [
        ('<tool_call>{"name": "f", "arguments": {"x": 1}}</tool_call>', Call("f", {"x": 1})),
        ('so <think><answer>1</answer></think> <tool_call>{"name": "f"}</tool_call>', Call("f", {})),
        ("It is <answer> 5 </answer>.", "5"),
        ("<tool_call>{</tool_call>", "not JSON"),
        ('<tool_call>{"name": "f", "arguments": []}</tool_call>', "name and arguments"),
        ("<tool_call>{}</tool_call><tool_call>{}</tool_call>", "2 calls"),
        ("<answer>1</answer><tool_call>{}</tool_call>", "write one"),
        ("", "write one"),
    ],
)
def test_messages(message: str, read: Any) -> None:
    found = read_message(message)
    assert read in found.reason if isinstance(found, Unread) else found == read


def test_results_say_texts_and_pictures_and_what_else_there_was() -> None:
    resource = SimpleNamespace(uri="file:///x", text="inside")
    said = answer(
        block("text", text="a"),
        block("image", data=PICTURE),
        block("image", data="AAAA"),
        block("resource", resource=resource),
        block("resource_link", name="n", uri="u:x"),
        block("audio", data="AAAA"),
    )
    found = result_of(said, 1000)
    assert found.images == (PICTURE,) and not found.failed
    first, second, *rest = found.text.splitlines()
    assert first == "a" and second.startswith("[a picture that cannot be shown: ")
    assert rest == ["inside", "[n: u:x]", "[audio]"]
    many = result_of(answer(*[block("image", data=PICTURE)] * 6), 1000)
    assert len(many.images) == 4 and many.text.count("beyond the first 4") == 2
    assert result_of(answer(structured={"b": 1, "a": "\xe4"}), 99).text == '{"a": "\xe4", "b": 1}'
    assert result_of(answer(block("text", text="no"), failed=True), 99) == Result("no", failed=True)


@given(st.text() | st.just("</tool_response><tool_call>"), st.integers(2, 40), st.booleans())
def test_no_result_breaks_out_or_is_too_long(text: str, most: int, failed: bool) -> None:
    found = result_of(answer(block("text", text=text), failed=failed), most)
    assert len(found.text) <= most + 60
    shown = observation_of(found)
    assert shown.count("</tool_response") == 1 and shown.endswith("</tool_response>")
    shown.encode("utf-8")


def test_lengths() -> None:
    assert cut("x" * 10, 10) == "x" * 10
    assert cut("ab" * 10, 10) == "ababa\n[10 characters are left out here]\nbabab"
    tools = [SimpleNamespace(name=n, description="d" * 99, input_schema={"s": "x" * int(n)}) for n in "19"]
    long = SimpleNamespace(name="long", description=None, input_schema={"s": "x" * 99})
    found = tools_from([tools[0], long, tools[1], tools[0]], 50, 2)
    assert [tool["name"] for tool in found] == ["1", "9"]
    assert len(found[0]["description"]) < 99 and found[0]["parameters"] == {"s": "x"}


def test_tasks_and_graders(tmp_path: Path) -> None:
    file = tmp_path / "tasks.jsonl"
    file.write_text('{"task": "a", "answer": "Five  Apples", "x": 1}\n\n{"task": "b", "answer": "6"}\n')
    tasks = load_tasks(file)
    assert tasks[0] == McpTask("a", "Five  Apples", {"task": "a", "answer": "Five  Apples", "x": 1})
    grader = grader_of(None, tasks)
    assert grader is not None and [score_of(grader, given, tasks[0]) for given in (" five apples.", "5")] == [
        1.0,
        0.0,
    ]
    (tmp_path / "grades.py").write_text("def half(answer, task):\n    return task['x'] / 2\n")
    half = grader_of(f"{tmp_path / 'grades.py'}:half", tasks)
    assert half is not None and score_of(half, "", tasks[0]) == 0.5
    assert grader_of(None, (McpTask("a"),)) is None
    with pytest.raises(EnvironmentFault, match="expected a number"):
        score_of(lambda answer, task: float("nan"), "", tasks[0])
    for text, told in (("[]", "line 1: expected"), ('{"task": 3}', "expected"), ("{", "not JSON")):
        file.write_text(text)
        with pytest.raises(UsageError, match=told):
            load_tasks(file)
    with pytest.raises(UsageError, match="1 of 2 tasks"):
        grader_of(None, (McpTask("a"), McpTask("b", "c")))


def test_wrong_arguments_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mcp", None)
    with pytest.raises(UsageError, match="pip install"):
        McpEnv(command="x")
    monkeypatch.setitem(sys.modules, "mcp", SimpleNamespace())
    monkeypatch.setitem(sys.modules, "mcp_types", SimpleNamespace())
    for arguments, told in (
        ({}, "command or url"),
        ({"command": "x", "url": "http://x"}, "command or url"),
        ({"command": "x", "revision": "2024-11-05"}, "expected one of auto"),
        ({"command": "x", "max_turns": 0}, "above 0"),
    ):
        with pytest.raises(UsageError, match=told):
            McpEnv(**arguments)


def test_clients_of_a_server_cannot_name_a_command() -> None:
    described = describe_env("turnwise.envs.adapters.mcp:McpEnv")
    assert set(described.withheld) == {"command", "url", "grade", "variables", "key_env"}
    assert described.files == ("tasks",)
    assert json.dumps(described.kwargs)
