"""Tags under the constraint: a free thought or none, then an admissible action in its tags.

A random model draws from everything it may say, so it tries every way through the tree.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from turnwise.agents.decoding.tagging import TagDecoder
from turnwise.agents.decoding.trie import forced
from turnwise.agents.policies import Policy
from turnwise.agents.policies.transformers import TransformersPolicy
from turnwise.agents.prompts.parse import parse_action, token_spans
from turnwise.agents.sampling import Sampling
from turnwise.agents.tiny import TinyLM, TinyPolicy, TinyTokenizer
from turnwise.agents.types import Generation, GenerationRequest, Message

ACTIONS = ("go to drawer 1", "go to shelf 2", "look", "go", "take apple 2 from shelf 2")
MAX_TOKENS = 60


def ask(policy: Policy, num: int = 40, **changes: Any) -> list[Generation]:
    asked: dict[str, Any] = {"style": "tags", "max_tokens": MAX_TOKENS, "sampling": Sampling(0.9), **changes}

    async def together() -> list[Generation]:
        messages = (Message("user", "You see a shelf 2."),)
        requests = [
            GenerationRequest(messages, admissible=ACTIONS, constraint="admissible", key=(number,), **asked)
            for number in range(num)
        ]
        return list(await asyncio.gather(*(policy.generate(asked) for asked in requests)))

    return asyncio.run(together())


def ended_in_thought(said: Generation) -> bool:
    return said.finish_reason == "stop" and "<action>" not in said.text


@pytest.mark.parametrize("kind", ["tiny", "transformers"])
@pytest.mark.parametrize("opened", [False, True])
def test_only_admissible_actions_in_tags_are_said(
    model: TinyLM, tokenizer: TinyTokenizer, folder: Path, kind: str, opened: bool
) -> None:
    policy: Policy = (
        TinyPolicy(model, tokenizer) if kind == "tiny" else TransformersPolicy(str(folder), device="cpu")
    )
    policy.opens_thought = opened
    forms = set()
    for said in ask(policy, 60):
        parsed = parse_action(said.text, "tags", opened=opened)
        if parsed.malformed:
            assert ended_in_thought(said)
            continue
        assert parsed.action in ACTIONS
        assert said.finish_reason == "stop"
        (*_, action) = token_spans(parsed, said)
        assert action.role == "action"
        assert None not in said.support[action.start : action.end]
        forms.add(parsed.think_chars is not None)
    assert forms == ({True} if opened else {True, False})


def test_without_room_for_a_thought_the_action_stands_alone(model: TinyLM, tokenizer: TinyTokenizer) -> None:
    longest = max(len(tokenizer.encode(f"<action>{action}</action>")) for action in ACTIONS) + 1
    for said in ask(TinyPolicy(model, tokenizer), 20, max_tokens=longest):
        assert parse_action(said.text, "tags").action in ACTIONS
        assert said.text.startswith("<action>")


def letters(text: str) -> list[int]:
    return [ord(letter) for letter in text]


def spelled(tokens: list[int]) -> str:
    return "".join(map(chr, tokens))


def test_the_tree_by_hand() -> None:
    """Letters are tokens; the end of a message is 0. Behind a thought there are 8 + 21 tokens."""
    decoder = TagDecoder(letters, letters, lambda ids: spelled(list(ids)), 0)
    tree = decoder.tree(("ab",), opened=False, max_tokens=7 + 2 + 8 + 21)
    chain, place = forced(tree)
    assert spelled(chain) == "<"
    assert spelled(list(place.tokens or ())) == "at"
    assert spelled(forced(place.child(ord("a")))[0]) == "ction>ab</action>\0"
    chain, thought = forced(place.child(ord("t")))
    assert (spelled(chain), thought.tokens) == ("hink>", None)
    assert thought.child(0).tokens == ()
    closing = thought.child(ord("x")).child(ord("y"))  # two letters are all that there is room for
    assert spelled(forced(closing)[0]) == "</think>\n<action>ab</action>\0"


def test_a_thought_that_ends_by_itself_is_followed_by_the_action() -> None:
    decoder = TagDecoder(letters, letters, lambda ids: spelled(list(ids)), 0)
    place = decoder.tree(("ab",), opened=True, max_tokens=99)
    for letter in "so </think>":
        assert place.tokens is None
        place = place.child(ord(letter))
    assert spelled(forced(place)[0]) == "\n<action>ab</action>\0"


def test_without_room_an_opened_thought_is_closed_at_once() -> None:
    decoder = TagDecoder(letters, letters, lambda ids: spelled(list(ids)), 0)
    chain, _ = forced(decoder.tree(("ab",), opened=True, max_tokens=8 + 21))
    assert spelled(chain) == "</think>\n<action>ab</action>\0"
