"""An evaluation against an endpoint with quirks: what its trajectories, files and table say.

1. A filtered message is no malformed one; thoughts and calls stand in the trajectory.
2. What every episode would meet stops the evaluation once.
3. The table says what was left to the server.
"""

from __future__ import annotations

import json

import pytest
import typer
from fake_endpoint import answer, served
from typer.testing import CliRunner

from turnwise.agents.evaluation.results import EvalRow
from turnwise.agents.policies import PolicyStopped, make_policy
from turnwise.agents.rollout import RolloutConfig, TaskItem
from turnwise.commands.evaluate import eval_
from turnwise.errors import UsageError

RIGHT = "<action>right</action>"
app = typer.Typer()
app.command("eval")(eval_)


def evaluated(agent: str, room, *arguments: object):
    command = ["--env", room("Corridor"), "--agent", agent, *map(str, arguments)]
    return CliRunner().invoke(app, command, env={"COLUMNS": "200"})


def test_what_was_said_stands_in_the_trajectory(play, room):
    call = {"id": "a", "type": "function", "function": {"name": "look", "arguments": "{}"}}
    answers = [
        {"choices": [{"message": {"content": None}, "finish_reason": "content_filter"}]},
        {"choices": [{"message": {"content": "righ"}, "finish_reason": "content_filter"}]},
        {"choices": [{"message": {"content": None, "reasoning_content": "hm"}, "finish_reason": "length"}]},
        {"choices": [{"message": {"content": None, "tool_calls": [call]}, "finish_reason": "tool_calls"}]},
        answer([{"type": "thinking", "thinking": "now"}, {"type": "text", "text": RIGHT}]),
        answer(RIGHT),
    ]
    with served(lambda body: (200, answers.pop(0))) as agent:
        result, _ = play(make_policy(agent), [TaskItem(room("Corridor"), seed=0)], RolloutConfig(max_turns=9))
    (trajectory,) = result.trajectories
    said = [turn.generation for turn in trajectory.turns]
    assert [each.finish_reason for each in said] == ["filtered", "filtered", "length", "stop", "stop", "stop"]
    assert [turn.malformed for turn in trajectory.turns] == [False, False, True, True, False, False]
    assert not any(turn.inadmissible for turn in trajectory.turns)
    assert [each.reasoning for each in said] == ["", "", "hm", "", "now", ""]
    assert [each.tool_calls for each in said] == [(), (), (), (call,), (), ()]
    row = EvalRow.of(trajectory)
    assert (row.filtered, row.malformed) == (2, 2)
    assert EvalRow.read(json.loads(json.dumps(row.document()))) == row


@pytest.mark.parametrize("usage", [None, {"prompt_tokens": 3000, "completion_tokens": 1}])
def test_the_limit_of_tokens_holds_without_usage_too(play, room, usage):
    reply = answer("<think>" + "x" * 4000 + "</think><action>left</action>", usage=usage)
    config = RolloutConfig(max_turns=20, max_episode_tokens=2500)
    with served(lambda body: (200, reply)) as agent:
        result, _ = play(make_policy(agent), [TaskItem(room("Corridor"), seed=0)], config)
    assert result.trajectories[0].end == "tokens"
    assert len(result.trajectories[0].turns) == (3 if usage is None else 1)


def picky(name: str):
    """Return an endpoint that refuses a field."""

    def document(body: dict) -> tuple[int, object]:
        if name in body:
            return 400, {"error": {"message": f"unsupported value of {name}", "param": name}}
        return 200, answer(RIGHT)

    return document


def test_the_table_says_what_was_left_to_the_server(room, tmp_path):
    with served(picky("temperature")) as agent:
        done = evaluated(agent, room, "--episodes", 3, "--out", tmp_path)
        again = evaluated(agent, room, "--episodes", 3, "--out", tmp_path)
    for shown in (done.stdout, again.stdout):  # nothing is left to play the second time
        assert "temperature server default, top_p 1.0" in shown
        assert "10 requests, 0 repeated" in shown
        assert "temperature: refused, left to the server" in shown
    document = json.loads((tmp_path / "evaluation.json").read_text())
    assert document["policy"]["server_default"] == ["temperature"]


def test_the_table_says_that_usage_is_not_told(room):
    with served(lambda body: (200, answer(RIGHT, usage=None))) as agent:
        done = evaluated(agent, room, "--episodes", 1)
    assert "0.0 an episode; not all answers told theirs" in done.stdout
    assert "2 without usage" in done.stdout


def test_a_setting_that_is_refused_stops_once(room):
    asked = []

    def document(body: dict) -> tuple[int, object]:
        asked.append(body)
        return picky("temperature")(body)

    with served(document) as agent:
        done = evaluated(agent, room, "--episodes", 20, "--temperature", 0.4)
    assert isinstance(done.exception, PolicyStopped)
    assert "refuses temperature 0.4: HTTP 400" in str(done.exception)
    assert len(asked) == 1


def test_an_endpoint_that_answers_nobody_stops_once(room):
    with served(lambda body: (500, {"error": "down"})) as agent:
        done = evaluated(agent, room, "--episodes", 200, "-a", "retries=0")
    assert isinstance(done.exception, PolicyStopped)
    assert 'the last: HTTP 500: {"error": "down"}; none of the first 4 messages' in str(done.exception)


@pytest.mark.parametrize(
    ("options", "changed"),
    [
        (["--temperature", 0.4], "rollout.temperature was 1.0 and is 0.4"),
        (["-a", "seeded=false"], "policy.seeded was not set and is False"),
        (["-a", 'extra_body={"a": {"b": 1}}'], "policy.extra_body.a.b was not set and is 1"),
    ],
)
def test_another_setting_in_the_same_folder_is_one_line(room, tmp_path, options, changed):
    with served(lambda body: (200, answer(RIGHT))) as agent:
        assert evaluated(agent, room, "--episodes", 1, "--out", tmp_path).exit_code == 0
        done = evaluated(agent, room, "--episodes", 1, "--out", tmp_path, *options)
    assert isinstance(done.exception, UsageError)
    assert str(done.exception) == f"{tmp_path} holds another evaluation: {changed}; choose another folder"


def test_flags_of_prompts_count_for_an_agent_that_was_not_trained_to_be_asked_otherwise():
    seen = []

    def reply(body):
        seen.append(body)
        return 200, answer("I do not know.")

    words = [
        "--env",
        "calling/office-v1",
        "-k",
        "show_functions=false",
        "--episodes",
        "1",
        "--max-turns",
        "2",
    ]
    with served(reply) as agent:
        done = CliRunner().invoke(app, [*words, "--agent", agent, "--tools", "native"])
    assert done.exit_code == 0, done.output
    assert [len(body["messages"]) for body in seen] == [1, 3], "a conversation"
    assert all(body["tools"] for body in seen)
