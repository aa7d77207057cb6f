"""Trajectories in ATIF: every step, token and reward is there, checked by hand."""

from __future__ import annotations

import json
from dataclasses import replace

from typer.testing import CliRunner

from turnwise.__main__ import app
from turnwise.agents.atif import to_atif
from turnwise.agents.trajectories import trajectory_path, write_trajectories
from turnwise.agents.types import Generation, Trajectory, Turn

CALL = {"id": "c1", "type": "function", "function": {"name": "bash", "arguments": '{"command": "ls"}'}}
ODD = {"function": {"name": "bash", "arguments": "ls {"}}
SAID = Generation("I look.", (1, 2), (3, 4, 5), (-0.5, -0.25, -1.0))
USAGE = {"prompt_tokens": 7, "completion_tokens": 2, "cost": 0.5}
TURNS = (
    Turn(0, "Begin.", "k0", "ls", 0.0, "k1", SAID),
    Turn(1, "a.py", "k1", "bash", 0.25, "k2", Generation("", reasoning="Hm.", tool_calls=(CALL,))),
    Turn(
        2, "ok", "k2", "bash", 1.0, "k3", Generation("", usage=USAGE, tool_calls=(ODD,)), rewards={"x": 1.0}
    ),
)
EPISODE = Trajectory(
    "swe/x-v0", "t-1", 9, "g", TURNS, "terminated", "Done.", success=True, score=1.0, member=2
)


def test_every_step_token_and_reward_is_there():
    document = to_atif(EPISODE, agent="expert", version="1", model="m")
    steps = document["steps"]
    assert [(step["step_id"], step["source"]) for step in steps] == [
        (1, "user"),
        (2, "agent"),
        (3, "agent"),
        (4, "agent"),
    ]
    assert [step["message"] for step in steps] == ["Begin.", "I look.", "bash", "bash"]
    assert [step["observation"]["results"][0]["content"] for step in steps[1:]] == ["a.py", "ok", "Done."]
    assert steps[1]["metrics"] == {
        "prompt_tokens": 2,
        "completion_tokens": 3,
        "prompt_token_ids": [1, 2],
        "completion_token_ids": [3, 4, 5],
        "logprobs": [-0.5, -0.25, -1.0],
    }
    assert steps[2]["tool_calls"] == [
        {"tool_call_id": "c1", "function_name": "bash", "arguments": {"command": "ls"}}
    ]
    assert (
        steps[2]["observation"]["results"][0]["source_call_id"] == "c1"
        and steps[2]["reasoning_content"] == "Hm."
    )
    assert steps[3]["tool_calls"][0] == {
        "tool_call_id": "turn-2-0", "function_name": "bash", "arguments": {"text": "ls {"},
    }  # fmt: skip
    assert [step["extra"]["reward"] for step in steps[1:]] == [0.0, 0.25, 1.0]
    assert document["final_metrics"] == {
        "total_prompt_tokens": 9, "total_completion_tokens": 5, "total_cost_usd": 0.5, "total_steps": 4,
    }  # fmt: skip
    assert (document["trajectory_id"], document["extra"]["return"], document["extra"]["success"]) == (
        "g#2",
        1.25,
        True,
    )
    lost = to_atif(replace(EPISODE, success=False, score=0.0), agent="a", version="1")["extra"]
    assert (lost["success"], lost["score"]) == (False, 0.0)


def test_the_command_writes_one_file_an_episode(tmp_path):
    write_trajectories(trajectory_path(tmp_path / "run", 0), [EPISODE, EPISODE])
    shown = CliRunner().invoke(
        app, ["atif", str(tmp_path / "run"), "--out", str(tmp_path / "out"), "--agent", "a"]
    )
    assert shown.output == f"2 trajectories in {tmp_path / 'out'}\n"
    files = sorted((tmp_path / "out").iterdir())
    assert [file.name for file in files] == ["trajectory-000000.json", "trajectory-000001.json"]
    assert json.loads(files[0].read_text())["agent"]["name"] == "a"
    refused = CliRunner().invoke(app, ["atif", str(tmp_path / "none"), "--out", str(tmp_path / "o")])
    assert "holds no trajectories" in str(refused.exception)
