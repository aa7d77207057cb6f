"""Stored episodes in the policy's tokens: the very ones that were sampled, or the template's own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from chats import CHATML, LLAMA3, QWEN25, tokenizer

from turnwise.agents.policies import TokenPolicy
from turnwise.agents.prompts.chat_template import ChatCodec
from turnwise.agents.tiny.model import TinyConfig, TinyLM
from turnwise.agents.tiny.policy import TinyPolicy
from turnwise.agents.tiny.tokenizer import TinyTokenizer
from turnwise.agents.types import Generation, Message, Trajectory, Turn
from turnwise.errors import UsageError
from turnwise.trainers.offline.chats import episode_of
from turnwise.trainers.offline.sources import Found
from turnwise.trainers.offline.words import Writer
from turnwise.trainers.recipe import Recipe, from_tables

TALK = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "You see a door."},
    {"role": "assistant", "content": "open the door"},
    {"role": "user", "content": "It is open."},
    {"role": "assistant", "content": "go on"},
]
RECIPE: dict[str, Any] = {
    "prompt": {"mode": "conversation", "style": "plain", "show_admissible": False, "system": ""},
    "rollout": {"max_tokens": 64, "max_episode_tokens": 512},
}


def recipe(**changes: dict[str, Any]) -> Recipe:
    return from_tables(
        {name: {**RECIPE.get(name, {}), **changes.get(name, {})} for name in {*RECIPE, *changes}}
    )


def tiny(*texts: str) -> TinyPolicy:
    tokenizer = TinyTokenizer.train(texts * 4, 300)
    config = TinyConfig(tokenizer.vocab_size, 8, 1, 1, 1, 8, 512)
    return TinyPolicy(TinyLM(config), tokenizer, num_slots=1, max_batch=1)


class Spoken(TokenPolicy):
    """A chat template without a model."""

    name, context_tokens, vocab_size = "spoken", 4096, 1 << 20

    def __init__(self, codec: Any) -> None:
        self._codec = codec

    def encoder(self, tools: Any, template: Any) -> Any:
        """Return the template."""
        return self._codec

    async def generate(self, request: Any) -> Generation:
        """Refuse."""
        raise AssertionError("an offline policy is asked for nothing")

    def encode_prompt(self, messages: Any) -> Any:
        """Render a conversation."""
        return self._codec.encode_prompt(messages)

    def encode_reply(self, messages: Any, finish_reason: Any) -> Any:
        """Render what follows."""
        return self._codec.encode_reply(messages, finish_reason)

    def forget(self, conversation: str) -> None:
        """Hold nothing."""


def chat(messages: list[dict[str, Any]] = TALK) -> Found:
    return Found(
        episode_of({"messages": messages, "reward": 1.0}, None, 1), "f.jsonl, line 1", 0.0, chat=True
    )


def test_a_chat_has_the_tokens_of_its_whole_conversation() -> None:
    policy = tiny("open the door", "go on")
    made, how = Writer(policy, recipe()).written(chat())
    said = made.turns[-1].generation
    messages = [Message(each["role"], each["content"]) for each in TALK]
    assert how == "made"
    # the prompt of the next turn is the conversation and the marker of the assistant
    assert (*said.prompt_ids, *said.token_ids) == policy.tokenizer.encode_prompt(messages)[:-1]
    assert made.turns[1].generation.prompt_ids[: len(made.turns[0].generation.prompt_ids)] == (
        made.turns[0].generation.prompt_ids
    )
    assert np.isnan([number for turn in made.turns for number in turn.generation.logprobs]).all()
    assert said.support == (None,) * len(said.token_ids)


@pytest.mark.parametrize("template", [CHATML, LLAMA3])
def test_a_chat_template_writes_it_as_it_does_by_itself(template: str) -> None:
    spoken = tokenizer("bytes", template)
    made, _ = Writer(Spoken(ChatCodec(spoken, "small")), recipe()).written(chat())
    said = made.turns[-1].generation
    own = tuple(spoken.apply_chat_template(TALK, tokenize=True)["input_ids"])
    tokens = (*said.prompt_ids, *said.token_ids)
    assert tokens == own[: len(tokens)]
    assert len(own) - len(tokens) <= 1  # a line's end after the last message


def test_thoughts_and_calls_are_written_in_the_models_own_form() -> None:
    codec = ChatCodec(tokenizer("bytes", QWEN25), "small")
    function = {"name": "go", "description": "Go.", "parameters": {"type": "object", "properties": {}}}
    call = {"type": "function", "function": {"name": "go", "arguments": {"where": "east"}}}
    talk = [
        TALK[1],
        {"role": "assistant", "content": "", "tool_calls": [call], "reasoning_content": "East is best."},
        {"role": "user", "content": "There."},
        {"role": "assistant", "content": "done", "reasoning_content": "Over."},
    ]
    found = replace(chat(talk), tools=({"type": "function", "function": function},))
    first, second = Writer(Spoken(codec), recipe()).written(found)[0].turns
    assert "<think>East is best.</think>" in first.generation.text
    assert '"where": "east"' in first.generation.text
    assert codec.decode(second.generation.token_ids) == "<think>Over.</think>\ndone"


def test_letters_that_a_tokenizer_loses_are_refused() -> None:
    lossy = Spoken(ChatCodec(tokenizer("unigram", CHATML), "small"))
    talk = [TALK[1], {"role": "assistant", "content": "go to caf\u00e9"}]
    with pytest.raises(UsageError, match=r"f\.jsonl, line 1: turn 0: the message 'go to caf"):
        Writer(lossy, recipe()).written(chat(talk))


def test_what_was_no_action_is_shown_and_not_learned() -> None:
    found = Found(
        episode_of({"messages": TALK, "rewards": [0, 1], "valid": [False, True]}, None, 1),
        "f",
        0.0,
        chat=True,
    )
    first, second = Writer(tiny("open the door"), recipe()).written(found)[0].turns
    assert first.generation.support == tuple((token,) for token in first.generation.token_ids)
    assert second.generation.support[0] is None


def sampled(policy: TinyPolicy) -> Trajectory:
    """Return an episode as the policy would have sampled it, with a token that was forced."""
    turns, prompt = [], policy.tokenizer.encode_prompt([Message("user", "You see a door.")])
    for index, text in enumerate(("open the door", "go on")):
        tokens = (*policy.tokenizer.encode(text), policy.tokenizer.end_id)
        support = ((tokens[0], 7), *(None for _ in tokens[2:]), (tokens[-1],))
        logprobs = tuple(-0.1 * (place + 1) for place in range(len(tokens)))
        said = Generation(text, prompt, tokens, logprobs, support)
        turns.append(Turn(index, "You see a door.", "s", text, 0.5, "s", generation=said))
        prompt = prompt + tokens + policy.tokenizer.encode_reply([Message("user", "You see a door.")], "stop")
    return Trajectory("maze", "exit", 0, "g", tuple(turns), "terminated", success=True)


def test_stored_tokens_are_taken_where_they_are_the_policys_own() -> None:
    policy = tiny("open the door", "go on", "You see a door.")
    stored = sampled(policy)
    assert Writer(policy, recipe()).written(Found(stored, "f", 0.0)) == (stored, "stored")
    made, how = Writer(policy, recipe(offline={"tokens": "made"})).written(Found(stored, "f", 0.0))
    assert how == "made"
    assert [t.generation.token_ids for t in made.turns] == [t.generation.token_ids for t in stored.turns]


def broken(stored: Trajectory, **changes: Any) -> Trajectory:
    first = replace(stored.turns[0], generation=replace(stored.turns[0].generation, **changes))
    return replace(stored, turns=(first, *stored.turns[1:]))


@pytest.mark.parametrize(
    "change",
    [
        lambda said: {"text": "close the door"},
        lambda said: {
            "token_ids": said.token_ids[:-1],
            "logprobs": said.logprobs[:-1],
            "support": said.support[:-1],
        },
        lambda said: {"prompt_ids": (9999, *said.prompt_ids)},
        lambda said: {"prompt_ids": said.prompt_ids[:2]},
        lambda said: {"logprobs": (float("inf"), *said.logprobs[1:])},
        lambda said: {"support": ((7, 8), *said.support[1:])},
        lambda said: {"support": ((said.token_ids[0], 9999), *said.support[1:])},
        lambda said: {"token_ids": ()},
    ],
)
def test_tokens_that_do_not_read_as_what_was_said_are_made_anew(change: Callable[[Generation], dict]) -> None:
    policy = tiny("open the door", "go on", "You see a door.")
    stored = sampled(policy)
    found = Found(broken(stored, **change(stored.turns[0].generation)), "f", 0.0)
    made, how = Writer(policy, recipe()).written(found)
    assert how == "made"
    assert made.turns[0].generation.text == "open the door"


def test_another_tokenizer_writes_the_words_anew() -> None:
    other = tiny("quite other words", "zzz")
    made, how = Writer(other, recipe()).written(Found(sampled(tiny("open the door", "go on")), "f", 0.0))
    assert how == "made"
    for turn in made.turns:
        assert other.tokenizer.decode(turn.generation.token_ids) == turn.action


def test_an_episode_that_does_not_fit_is_told_apart() -> None:
    writer = Writer(tiny("open the door"), recipe(rollout={"max_episode_tokens": 16}))
    assert writer.written(chat())[1] == "too long"
    assert writer.written(Found(sampled(tiny("open the door")), "f", 0.0))[1] == "too long"


def test_what_cannot_be_written_exactly_is_refused_with_its_place() -> None:
    calling = [
        *TALK[:2],
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"function": {"name": "go", "arguments": "{}"}}],
        },
    ]
    with pytest.raises(UsageError, match=r"f\.jsonl, line 1: turn 0: the message '' with calls cannot be"):
        Writer(tiny("go"), recipe()).written(chat(calling))
    answered = [*TALK[:2], {"role": "tool", "content": "7"}, TALK[2]]
    with pytest.raises(UsageError, match=r"f\.jsonl, line 1: .* has no chat template for calls of tools"):
        Writer(tiny("go"), recipe()).written(chat(answered))
