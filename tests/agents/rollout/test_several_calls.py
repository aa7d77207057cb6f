"""A message that makes several calls is one turn of several steps.

1. Rewards, tiers, states and the return are those of the same calls made one a message.
2. What ends the episode stops the rest; what cannot be made is told, and the others are made.
3. Every token is in one turn, prompts grow by them token by token, and files hold it all.
4. Demonstrations take the steps apart.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from adding import ADD, ADDING, STOP, Saying
from chats import CALLING, tokenizer

from turnwise.agents.atif import to_atif
from turnwise.agents.policies import Policy
from turnwise.agents.policy import TokenPolicy
from turnwise.agents.prompts.chat_template import ChatCodec
from turnwise.agents.prompts.config import PromptConfig
from turnwise.agents.rollout import RolloutConfig, TaskItem, rollout
from turnwise.agents.trajectories import read_trajectories, write_trajectories
from turnwise.agents.types import Encoder, FinishReason, Generation, GenerationRequest, Message, Trajectory
from turnwise.credit import TurnTable
from turnwise.servers.client import connect
from turnwise.trainers.pages.episodes.turns import done_in
from turnwise.trainers.reports.transcripts import transcript
from turnwise.trainers.warmstart.stored import read_stored

NATIVE = PromptConfig(tools="native", max_calls=5)
BROKEN = '<tool_call>{"name": "add"'


class Spelling(TokenPolicy):
    """The same in tokens, by a chat template."""

    def __init__(self, texts: Sequence[str], template: str = CALLING) -> None:
        self.codec, self.texts = ChatCodec(tokenizer("bytes", template), "test"), list(texts)

    def encode_prompt(self, messages: tuple[Message, ...]) -> tuple[int, ...]:
        return self.codec.encode_prompt(messages)

    def encode_reply(self, messages: tuple[Message, ...], finish_reason: FinishReason) -> tuple[int, ...]:
        return self.codec.encode_reply(messages, finish_reason)

    def encoder(self, tools: Any, template: Any) -> Encoder:
        return self.codec.asked(tools, template)

    def forget(self, conversation: str) -> None:
        pass

    async def generate(self, request: GenerationRequest) -> Generation:
        text = self.texts[request.turn]
        ids = (*self.codec.encode(text), self.codec.end_id)
        ends = self.codec.char_ends(ids, text)
        assert request.prompt_ids is not None
        return Generation(text, request.prompt_ids, ids, (-0.5,) * len(ids), char_ends=ends)


def played(policy: Policy, prompt: PromptConfig = NATIVE, **changes: Any) -> Trajectory:
    async def play() -> Trajectory:
        client = connect("local:")
        try:
            config = RolloutConfig(max_tokens=64, max_episode_tokens=1 << 20, retries=0, **changes)
            task = TaskItem(ADDING, seed=1)
            return (await rollout(client, policy, [task], config, prompt=prompt)).trajectories[0]
        finally:
            await client.aclose()

    return asyncio.run(play())


def test_one_turn_of_several_steps_comes_to_what_they_come_to_apart() -> None:
    several = played(Saying([ADD % 1, (ADD % 2) + (ADD % 3), STOP]))
    alone = played(Saying([ADD % 1, ADD % 2, ADD % 3, STOP]))
    assert [turn.reward for turn in several.turns] == [0.25, 1.25, 0.0]
    assert [turn.state_key for turn in several.turns] == ["0", "1", "6"]
    assert [turn.next_state_key for turn in several.turns] == ["1", "6", "6"]
    assert several.turns[1].rewards == {"calls": 2.0, "added": 2.0}
    assert several.turns[1].action == "add 2\nadd 3"
    assert several.episode_return == alone.episode_return == 1.5
    assert (several.end, several.final_observation) == (alone.end, alone.final_observation)
    steps = [step for turn in several.turns for step in turn.apart()]
    for step, turn in zip(steps, alone.turns, strict=True):
        for name in ("observation", "state_key", "next_state_key", "action", "reward", "rewards", "valid"):
            assert getattr(step, name) == getattr(turn, name), name
    table = TurnTable.from_trajectories([several])
    assert list(table.reward) == [0.25, 1.25, 0.0]


def test_the_answers_come_before_the_next_message() -> None:
    policy = Saying([f"Both.\n{ADD % 2}{ADD % 3}", STOP])
    played(policy)
    said, first, second = policy.requests[1].messages[-3:]
    assert (said.role, said.content) == ("assistant", "Both.")
    assert [call["function"]["arguments"] for call in said.tool_calls] == [{"number": "2"}, {"number": "3"}]
    assert (first, second) == (
        Message("tool", "The sum is 2.", tool_call_id=said.tool_calls[0]["id"]),
        Message("tool", "The sum is 5.", tool_call_id=said.tool_calls[1]["id"]),
    )
    assert (policy.requests[1].turn, policy.requests[1].key[-1]) == (1, 1)


def test_a_window_shows_every_step() -> None:
    policy = Saying([(ADD % 2) + (ADD % 3), STOP])
    played(policy, PromptConfig(tools="native", mode="window"))
    shown = policy.requests[1].messages[-1].content
    assert "Turns taken so far: 2.\nObservation 1: The sum is 0.\nAction 1: add 2\n" in shown
    assert "Observation 2: The sum is 2.\nAction 2: add 3\nObservation 3:\nThe sum is 5." in shown


def test_what_ends_the_episode_stops_the_rest() -> None:
    trajectory = played(Saying([(ADD % 2) + STOP + (ADD % 3)]))
    (turn,) = trajectory.turns
    assert ([step.action for step in turn.steps], trajectory.end) == (["add 2", "stop"], "terminated")
    assert trajectory.episode_return == 0.5
    cut = played(Spelling([(ADD % 1) * 4, (ADD % 1) * 3, (ADD % 1) * 4]))
    assert (cut.end, [len(turn.steps) for turn in cut.turns]) == ("horizon", [4, 3, 2])
    text = tokenizer("bytes", CALLING).decode(cut.final_prompt_ids)
    assert text.count("The sum is ") == 10
    assert text.count("Not made: the episode had ended.") == 2


def test_what_cannot_be_made_is_told_and_the_others_are_made() -> None:
    nine = '<tool_call>{"name": "add", "arguments": {"number": "9"}}</tool_call>'
    policy = Saying([f"{ADD % 1}<tool_call>{{</tool_call>{nine}", f"{(ADD % 1) * 6}", STOP])
    first, second, _ = played(policy).turns
    assert [(step.malformed, step.inadmissible) for step in first.steps] == [
        (False, False), (True, False), (False, True)
    ]  # fmt: skip
    assert (first.malformed, first.inadmissible, first.valid, first.reward) == (True, True, False, 2.5)
    told = [message.content for message in policy.requests[1].messages if message.role == "tool"]
    assert told[1].startswith("Error: this call cannot be read, so it was not made: it is not JSON")
    assert told[1].endswith("\nThe sum is 1.")  # an environment that shows its state is heard
    assert len(second.steps) == 5
    assert policy.requests[2].messages[-1].content == "Not made: at most 5 calls of one message are."


@pytest.mark.parametrize("takes", [True, False])
def test_every_token_is_in_one_turn_and_prompts_grow_by_them(takes: bool, tmp_path: Path) -> None:
    template = CALLING if takes else CALLING.replace("m.tool_calls or []", "[]")
    policy = Spelling([f"<think>so</think>Both.{ADD % 2}{ADD % 3}", STOP], template)
    assert policy.codec.takes_calls is takes
    trajectory = played(policy)
    first, last = trajectory.turns
    grown = first.generation.prompt_ids + first.generation.token_ids
    assert last.generation.prompt_ids[: len(grown)] == grown
    suffix = policy.codec.decode(last.generation.prompt_ids[len(grown) :])
    assert suffix.index("The sum is 2.") < suffix.index("The sum is 5.")
    assert ("[answer 2 of 2]\nThe sum is 5." in suffix) is not takes
    think, action = first.spans
    said = first.generation.token_ids
    assert policy.codec.decode(said[think.start : think.end]) == "so"
    assert policy.codec.decode(said[action.start : action.end]).strip() == f"{ADD % 2}{ADD % 3}"
    assert action.end == len(said)  # with the end of the message
    file = tmp_path / "some.jsonl.gz"
    write_trajectories(file, [trajectory])
    assert read_trajectories(file) == [trajectory]


def test_on_the_wire_each_call_is_a_step_that_names_its_turn(counting: Any) -> None:
    client = counting(connect("local:"))

    async def play() -> list[Trajectory]:
        texts = [(ADD % 2) + (ADD % 3), ADD % 1, (ADD % 1) * 3, STOP]
        tasks = [TaskItem(ADDING, seed=seed) for seed in (1, 2)]
        config = RolloutConfig(max_tokens=64, max_turns=3, slots=2)
        return list((await rollout(client, Saying(texts), tasks, config, prompt=NATIVE)).trajectories)

    first, second = asyncio.run(play())
    assert first.turns == second.turns
    assert [len(step) for step in client.steps] == [2] * 6  # both go on in lock-step
    for place in (0, 1):
        assert [step[place].turn for step in client.steps] == [0, 1, 2, 3, 4, 5]
        assert {step[place].episode for step in client.steps} == {0}


def test_what_was_made_before_the_machine_failed_is_kept() -> None:
    crash = '<tool_call>{"name": "add", "arguments": {"number": "x"}}</tool_call>'
    trajectory = played(Saying([(ADD % 2) + (ADD % 3) + crash]))
    assert (trajectory.end, trajectory.counts, trajectory.episode_return) == ("error", False, 1.25)
    assert [step.action for step in trajectory.turns[0].steps] == ["add 2", "add 3"]


def test_people_and_other_tools_see_each_step() -> None:
    trajectory = played(Saying([(ADD % 2) + (ADD % 3), STOP]))
    assert transcript(trajectory)[1:7] == [
        "The sum is 0.", "> add 2", "The sum is 2.", "> add 3", "The sum is 5.", "> stop"
    ]  # fmt: skip
    assert done_in(trajectory.turns[0]) == "add 2\n[answer] The sum is 2.\nadd 3"
    _, step, _ = to_atif(trajectory, agent="a", version="1")["steps"]
    assert step["observation"]["results"] == [{"content": "The sum is 2."}, {"content": "The sum is 5."}]


def test_demonstrations_take_the_steps_apart(tmp_path: Path) -> None:
    nonsense = '<tool_call>{"name": "add"}</tool_call>'
    trajectory = played(Saying([f"{ADD % 2}{nonsense}{ADD % 3}", STOP]), drop_info=())
    write_trajectories(tmp_path / "some.jsonl.gz", [trajectory])
    (read,) = read_stored([tmp_path / "some.jsonl.gz"], PromptConfig())
    assert [(turn.index, turn.observation, turn.info["taught"]) for turn in read.turns] == [
        (0, "The sum is 0.", True),
        (1, "The sum is 2.", False),
        (2, "The sum is 2.", True),
        (3, "The sum is 5.", True),
    ]
    assert [turn.action for turn in read.turns][::2] == ["add 2", "add 3"]
    assert json.loads(read.turns[1].action.removeprefix("<tool_call>").removesuffix("</tool_call>"))
