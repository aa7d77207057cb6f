"""The tools of a real MCP server as an environment: results, errors, hostile texts, and servers that die."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import turnwise
from turnwise.envs.adapters.mcp import McpEnv
from turnwise.envs.check import check_environment
from turnwise.envs.core import Checked
from turnwise.errors import ServerUnreachable, UsageError

pytestmark = pytest.mark.ecosystem
TOOLS = [sys.executable, str(Path(__file__).parents[1] / "small" / "mcp_tools.py")]


def called(name: str, **arguments: Any) -> str:
    """Write a call."""
    return f"<tool_call>{json.dumps({'name': name, 'arguments': arguments})}</tool_call>"


@contextmanager
def made(**more: Any) -> Iterator[Checked[McpEnv]]:
    """Make an environment of the tools; see that its server has ended afterwards."""
    with Checked(McpEnv(command=TOOLS, task="What is 2 and 3?", answer="5", **more), "tools") as env:
        yield env
    assert not [each for each in Path("/proc").glob("[0-9]*") if runs_tools(each)]


def runs_tools(process: Path) -> bool:
    """Tell whether a process is a child of this one that runs the tools."""
    try:
        parent = (process / "stat").read_text().rpartition(")")[2].split()[1]
        return int(parent) == os.getpid() and "mcp_tools.py" in (process / "cmdline").read_text()
    except OSError:
        return False


@pytest.mark.parametrize("revision", ["2026-07-28", "2025-11-25"])
def test_a_task_from_its_calls_to_its_answer(revision: str) -> None:
    with made(revision=revision, max_turns=3) as env:
        observation, info = env.reset(seed=1)
        assert observation == info["instruction"] == "What is 2 and 3?"
        tools = {tool["name"]: tool for tool in info["tools"]}
        assert list(tools)[-2:] == ["die", "answer"] and tools["add"]["description"] == "Add two numbers."
        assert tools["add"]["parameters"]["required"] == ["a", "b"]
        said, reward, over, cut, info = env.step(called("add", a=2, b=3))
        assert (said, reward, over, cut) == ("<tool_response>5</tool_response>", 0.0, False, False)
        assert info["state_key"] == said and info["rewards"] == {"tool_calls": 1.0, "error": 0.0}
        assert env.step("<answer>It was: 5</answer>")[1] == 0.0
        env.reset(seed=1)
        assert env.step("<answer> 5. </answer>")[1:3] == (1.0, True)
        env.reset(seed=1)
        assert [env.step("what?")[3] for _ in range(3)] == [False, False, True]


def test_what_goes_wrong_is_told_and_what_is_hostile_stays_inside() -> None:
    with made(timeout_s=15.0, max_chars=100, max_turns=30) as env:
        env.reset(seed=0)
        for call, told in (
            (called("fail"), "the tool is broken"),
            (called("nothing"), "there is no tool 'nothing'"),
            (called("add", a="x", b=3), "a"),
            (called("add"), "a"),
        ):
            said, _, over, _, info = env.step(call)
            assert said.startswith("<tool_response>error: ") and told in said and not over
            assert info["rewards"]["error"] == 1.0 and not info["malformed"]
        said, *_, info = env.step("add 2 and 3")
        assert "write one <tool_call>" in said and info["malformed"]
        said = env.step(called("hostile"))[0]
        assert said.count("</tool_response") == 1 and said.startswith("<tool_response><\\/tool_response>")
        said = env.step(called("hostile", size=1_000_000))[0]
        assert len(said) < 300 and "characters are left out here" in said
        with pytest.raises(ServerUnreachable, match="connection has ended"):
            env.step(called("hostile", size=17 << 20))
        env.reset(seed=0)
        assert env.step(called("add", a=1, b=1))[0] == "<tool_response>2</tool_response>"


def test_a_server_that_dies_is_the_machines_fault(caplog: pytest.LogCaptureFixture) -> None:
    with made() as env:
        env.reset(seed=0)
        with pytest.raises(ServerUnreachable):
            env.step(called("die"))
        with pytest.raises(ServerUnreachable):
            env.step(called("count"))
        assert "a last word" in caplog.text
        env.reset(seed=0)
        assert env.step(called("count"))[0] == "<tool_response>1 no secret</tool_response>"


@pytest.mark.slow
def test_a_call_that_takes_too_long_is_told() -> None:
    with made(timeout_s=6.0) as env:
        env.reset(seed=0)
        assert "did not answer in 6 s" in env.step(called("sleep"))[0]


@pytest.mark.slow
def test_an_episode_begins_anew_and_secrets_are_given_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "swordfish")
    with made(variables=["SECRET"], images=True) as env:
        assert env.reset(seed=0)[1]["images"] == []
        for _ in range(2):
            assert env.step(called("count"))[0].startswith("<tool_response>")
        env.reset(seed=0)
        assert env.step(called("count"))[0] == "<tool_response>1 swordfish</tool_response>"
        said, *_, info = env.step(called("look"))
        assert len(info["images"]) == 1 and "cannot be shown" in said and "seen" in said
        assert "[images: " in info["state_key"]


@pytest.mark.slow
def test_it_passes_the_check_and_is_evaluated(tmp_path: Path) -> None:
    rows = [{"task": f"What is {n} and {n}?", "answer": str(2 * n), "n": n} for n in range(20)]
    file = tmp_path / "tasks.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    name = f"{McpEnv.__module__.rpartition('.')[0]}:McpEnv"
    kwargs = {"command": TOOLS, "tasks": str(file)}
    found = {each.name: each for each in check_environment(name, kwargs, seeds=(0,), num_turns=3)}
    assert {key: each.detail for key, each in found.items() if each.outcome == "failed"} == {}

    def adds(request: Any) -> str:
        number = int(request.instruction.split()[-1].rstrip("?"))
        if request.turn == 0:
            return called("add", a=number, b=number)
        return f"<answer>{request.observation.removeprefix('<tool_response>')[:-16]}</answer>"

    played = turnwise.evaluate(name, adds, episodes=3, kwargs=kwargs)
    assert played.success_rate == 1.0


@pytest.mark.slow
def test_our_own_server_at_an_address() -> None:
    serve = [sys.executable, "-m", "turnwise", "mcp", "household/demo-v0", "--http", "--port", "0"]
    with subprocess.Popen(serve, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            url = process.stdout.readline().split()[2]
            for revision in ("auto", "2025-11-25"):
                with McpEnv(url=url, task="Begin.", revision=revision) as env:
                    info = env.reset(seed=0)[1]
                    names = [tool["name"] for tool in info["tools"]]
                    assert (names[0], *names[-2:]) == ("start", "end", "answer") and "look" in names
                    assert "won" not in info
                    assert "Handle: " in env.step(called("start", seed=3))[0]
        finally:
            process.terminate()
    with McpEnv(url=url, task="Begin.", timeout_s=10) as env, pytest.raises(ServerUnreachable):
        env.reset(seed=0)


def test_a_command_that_is_not_there() -> None:
    with (
        McpEnv(command="no-such-program --at all") as env,
        pytest.raises(UsageError, match="cannot be started"),
    ):
        env.reset(seed=0)
