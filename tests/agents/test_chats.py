"""Stored episodes as chats and as rows: what the policy was shown and what it said, nothing else."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest
from pyarrow import parquet
from typer.testing import CliRunner

import turnwise
from turnwise.__main__ import app
from turnwise.agents.chats import chats_of
from turnwise.agents.policies import Policy
from turnwise.agents.prompts.config import PromptConfig
from turnwise.agents.trajectories import read_trajectories, write_trajectories
from turnwise.agents.types import Generation, GenerationRequest, Trajectory
from turnwise.envs.tools import command
from turnwise.errors import UsageError

GO = '<tool_call>{"name": "go", "arguments": {"where": "%s"}}</tool_call>'
TAGS = PromptConfig(style="tags", show_admissible=True, explain="user", system="Be brief.")
NATIVE = PromptConfig(tools="native", explain="system", max_calls=3)


class Corridor(turnwise.TextEnv):
    """A corridor whose third place is the goal; an odd seed is one that is lost at once."""

    tools: ClassVar = [command("go", "go {where}", "Go a step.")]

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.place, self.is_lost = 0, bool((seed or 0) % 2)
        return self._shown(), {**self._info(), "tools": self.tools, "instruction": "Reach place 2."}

    def step(self, action):
        self.place += {"go east": 1, "go west": -1}.get(action, 0)
        won = self.place == 2 and not self.is_lost
        return self._shown(), float(won), won or self.is_lost, False, self._info() | {"won": won}

    def _shown(self):
        return f"You are in place {self.place}."

    def _info(self):
        return {"admissible": ["go east", "go west"], "won": False}


class Says(Policy):
    """Messages that are written out, the same in every episode."""

    def __init__(self, *messages: str | Generation) -> None:
        self._messages = messages

    async def generate(self, request: GenerationRequest) -> Generation:
        """Return the message of the turn."""
        said = self._messages[request.turn]
        return Generation(said) if isinstance(said, str) else said


def played(
    prompt: PromptConfig, *messages: str | Generation, seeds: Sequence[int] = (0,), **more: Any
) -> Any:
    return turnwise.rollout(Corridor, Says(*messages), seeds=seeds, prompt=prompt, **more).trajectories


def thinking(action: str) -> str:
    return f"<think>to the {action}</think><action>go {action}</action>"


def test_a_conversation_is_what_was_shown_and_said() -> None:
    (trajectory,) = played(TAGS, thinking("west"), thinking("east"), thinking("east"), thinking("east"))
    (chat,) = chats_of(trajectory, TAGS)
    messages = chat["messages"]
    assert [message["role"] for message in messages] == [
        "system",
        "user",
        *["assistant", "user"] * 3,
        "assistant",
    ]
    assert [message["content"] for message in messages[2::2]] == [
        thinking(each) for each in ("west", "east", "east", "east")
    ]
    assert messages[0]["content"] == "Be brief." and "Reach place 2." in messages[1]["content"]
    assert messages[-2]["content"].startswith("You are in place 1.") and "tools" not in chat
    assert (chat["success"], chat["rewards"], chat["valid"]) == (True, [0, 0, 0, 1], [True] * 4)


@pytest.mark.parametrize("mode", ["conversation", "window"])
def test_prompts_that_were_not_kept_are_made_again(mode: Any) -> None:
    prompt = replace(TAGS, mode=mode)
    config = replace(turnwise.agents.evaluation.config.EVALUATION, drop_info=())
    (whole,) = played(
        prompt, thinking("west"), thinking("east"), thinking("east"), thinking("east"), config=config
    )
    bare = replace(whole, turns=tuple(replace(turn, prompt=()) for turn in whole.turns))
    kept = list(chats_of(whole, prompt))
    assert list(chats_of(bare, prompt)) == kept and len(kept) == (1 if mode == "conversation" else 4)
    assert [message["role"] for message in kept[-1]["messages"]][-2:] == ["user", "assistant"]
    (helped, *_) = chats_of(replace(bare, hint="Hint: go east.", given=1), prompt)
    assert (helped["hint"], helped["given"]) == ("Hint: go east.", 1)
    assert "Reach place 2.\nHint: go east.\n" in helped["messages"][1]["content"]
    lacking = replace(bare, turns=tuple(replace(turn, info={}) for turn in bare.turns))
    with pytest.raises(UsageError, match="neither its prompts nor"):
        list(chats_of(lacking, prompt))


def test_thoughts_stay_where_prompts_dropped_them() -> None:
    prompt = replace(TAGS, thoughts="drop")
    (trajectory,) = played(prompt, thinking("east"), thinking("east"))
    assert "<think>" not in trajectory.turns[1].prompt[2].content
    (chat,) = chats_of(trajectory, prompt)
    assert chat["messages"][2]["content"] == thinking("east")


def test_calls_are_calls_and_their_answers_name_them() -> None:
    call = {"id": "x1", "type": "function", "function": {"name": "go", "arguments": '{"where": "east"}'}}
    first = f"Two at once. {GO % 'west'}{GO % 'east'}"
    last = Generation("", tool_calls=(call,), reasoning="nearly there")
    (trajectory,) = played(NATIVE, first, "nothing", GO % "east", last)
    (chat,) = chats_of(trajectory, NATIVE)
    assert [tool["function"]["name"] for tool in chat["tools"]] == ["go"]
    spoken = [message for message in chat["messages"] if message["role"] == "assistant"]
    assert [message["content"] for message in spoken] == ["Two at once.", "nothing", "", ""]
    calls = [message.get("tool_calls", []) for message in spoken]
    wheres = [[each["function"]["arguments"]["where"] for each in made] for made in calls]
    assert wheres == [["west", "east"], [], ["east"], ["east"]]
    ids = [each["id"] for made in calls for each in made]
    answered = [message["tool_call_id"] for message in chat["messages"] if message["role"] == "tool"]
    assert len(set(ids)) == 4 and answered == ids[:3]
    assert spoken[-1]["reasoning_content"] == "nearly there" and ids[-1] == "x1"
    with pytest.raises(UsageError, match="not kept in words"):
        bare = [replace(turn, prompt=()) for turn in trajectory.turns]
        list(chats_of(replace(trajectory, turns=tuple(bare)), NATIVE))


def test_the_command_writes_files(tmp_path: Path) -> None:
    policy = Says(*[thinking("east")] * 2)
    turnwise.evaluate(Corridor, policy, episodes=4, prompt=TAGS, out=tmp_path / "eval")
    files = [str(tmp_path / name) for name in ("eval", "chats.jsonl", "turns.parquet")]
    done = CliRunner().invoke(app, ["export", files[0], "--chat", files[1], "--parquet", files[2], "--won"])
    assert done.exit_code == 0 and f"{files[1]}: 2 conversations" in done.output
    lines = [json.loads(line) for line in Path(files[1]).read_text().splitlines()]
    assert {line["success"] for line in lines} == {True} and len(lines) == 2
    assert "Be brief." in lines[0]["messages"][0]["content"]
    rows = parquet.read_table(files[2]).to_pylist()
    assert [row["action"] for row in rows] == ["go east"] * 4 and rows[0]["message"] == thinking("east")
    assert [row["reward"] for row in rows] == [0, 1, 0, 1] and rows[3][
        "next_state_key"
    ] == "You are in place 2."


def test_what_cannot_be_written_leaves_what_was_there(tmp_path: Path) -> None:
    (trajectory,) = played(TAGS, thinking("east"), thinking("east"))
    bare: Trajectory = replace(trajectory, turns=tuple(replace(turn, prompt=()) for turn in trajectory.turns))
    stored, out = tmp_path / "some.jsonl.gz", tmp_path / "out.jsonl"
    write_trajectories(stored, [trajectory, bare])
    out.write_text("before")
    done = CliRunner().invoke(app, ["export", str(stored), "--chat", str(out)])
    assert (
        done.exit_code == 0 and len(out.read_text().splitlines()) == 2
    )  # a file alone: prompts of the default
    (tmp_path / "run").mkdir()
    for given in (["--chat", str(out)], [], ["--won"], ["--adapter", "--chat", str(out)]):
        failed = CliRunner().invoke(app, ["export", str(tmp_path / "run"), *given])
        assert isinstance(failed.exception, UsageError), given
    assert len(out.read_text().splitlines()) == 2 and list(tmp_path.glob(".out*")) == []
    assert read_trajectories(stored)[0] == trajectory
