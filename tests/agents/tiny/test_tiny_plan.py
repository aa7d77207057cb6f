"""Plans under the constraint: what is said, what is drawn freely, and that ratios are exact.

A random model draws from everything it may say, so it tries every way through the tree.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch

from turnwise.agents.decoding import TokenTrie, replay
from turnwise.agents.decoding.planning import PlanDecoder
from turnwise.agents.decoding.trie import forced
from turnwise.agents.policies import Policy
from turnwise.agents.policies.transformers import TransformersPolicy
from turnwise.agents.prompts.parse import parse_action, token_spans
from turnwise.agents.sampling import Sampling
from turnwise.agents.tiny import TinyLM, TinyPolicy, TinyTokenizer
from turnwise.agents.types import Generation, GenerationRequest, Message

ACTIONS = ("go to drawer 1", "go to shelf 2", "look", "go", "take apple 2 from shelf 2")
MAX_TOKENS = 24


def ask(policy: Policy, turn: int, num: int = 40, constraint: str = "admissible") -> list[Generation]:
    messages = (Message("user", "You see a shelf 2."),)

    async def together() -> list[Generation]:
        requests = [
            GenerationRequest(
                messages=messages,
                admissible=ACTIONS,
                constraint=constraint,  # type: ignore[arg-type]
                style="plan",
                max_tokens=MAX_TOKENS,
                sampling=Sampling(0.9),
                key=(turn, number),
                turn=turn,
            )
            for number in range(num)
        ]
        return list(await asyncio.gather(*(policy.generate(asked) for asked in requests)))

    return asyncio.run(together())


def largest_mismatch(model: TinyLM, generations: Sequence[Generation]) -> float:
    worst = 0.0
    for said in generations:
        ids = torch.tensor([said.prompt_ids + said.token_ids])
        with torch.no_grad():
            logits = model.head(model.hidden(ids, torch.tensor([ids.shape[1]]))[0])
        chosen = logits[len(said.prompt_ids) - 1 : -1]
        logprobs, _ = replay(
            chosen, said.token_ids, said.support or [None] * len(said.token_ids), said.temperature
        )
        gap = (logprobs - torch.tensor(said.logprobs, dtype=torch.float64)).expm1().abs().max()
        worst = max(worst, float(gap))
    return worst


@pytest.mark.parametrize("kind", ["tiny", "transformers"])
def test_only_plans_with_admissible_actions_are_said(
    model: TinyLM, tokenizer: TinyTokenizer, folder: Path, kind: str
) -> None:
    policy: Policy = (
        TinyPolicy(model, tokenizer) if kind == "tiny" else TransformersPolicy(str(folder), device="cpu")
    )
    switches = set()
    for turn in (0, 3):
        generations = ask(policy, turn)
        assert largest_mismatch(model, generations) <= 1e-5
        for said in generations:
            parsed = parse_action(said.text, "plan")
            if parsed.malformed:
                # the only ways to fail: the message ended inside the subgoal, or a subgoal of blanks
                assert said.text.startswith("new:")
                assert "\n" not in said.text or not said.text.split("\n")[0][4:].strip()
                continue
            assert parsed.action in ACTIONS
            switches.add((turn, parsed.switch))
            spans = token_spans(parsed, said)
            assert spans[0].role == "switch"
            assert spans[0].start == 0
            assert spans[-1].role == "action"
            assert spans[-1].end == len(said.token_ids)
            assert all(before.end == after.start for before, after in itertools.pairwise(spans))
            choices = {span.role: said.support[span.start : span.end] for span in spans}
            assert None not in choices["action"]
            assert (parsed.switch is True) == (None in choices.get("subgoal", ()))
    assert switches == {(0, True), (3, True), (3, False)}  # there is nothing to keep at first


def test_a_long_subgoal_is_ended_by_force(model: TinyLM, tokenizer: TinyTokenizer) -> None:
    half = MAX_TOKENS // 2
    cut = [
        said
        for said in ask(TinyPolicy(model, tokenizer), 0, 80)
        if sum(allowed is None for allowed in said.support) == half and said.text.count("\n") == 1
    ]
    assert cut
    (line_end,) = tokenizer.encode("\n")
    for said in cut:
        after = max(place for place, allowed in enumerate(said.support) if allowed is None) + 1
        assert said.token_ids[after] == line_end
        assert said.support[after] == (line_end,)


def test_without_a_constraint_anything_is_said(model: TinyLM, tokenizer: TinyTokenizer) -> None:
    generations = ask(TinyPolicy(model, tokenizer), 0, 8, constraint="none")
    assert all(said.support == () for said in generations)
    assert largest_mismatch(model, generations) <= 1e-5


def test_the_tree_by_hand() -> None:
    """Letters are tokens; the end of a message is 0."""
    decoder = PlanDecoder(lambda text: [ord(c) for c in text], lambda ids: "".join(map(chr, ids)), 0)
    actions = TokenTrie.of([(ord("a"), ord("b"))], 0)
    first = decoder.tree(actions, first=True, max_tokens=4)
    chain, place = forced(first)
    assert "".join(map(chr, chain)) == "new:"
    assert place.tokens is None
    assert forced(place.child(ord("\n"))) == ([ord("a"), ord("b"), 0], forced(actions)[1])
    # two tokens are half of four: the line ends after them
    chain, _ = forced(place.child(ord("x")).child(ord("y")))
    assert "".join(map(chr, chain)) == "\nab\0"
    assert place.child(0).tokens == ()
    later = decoder.tree(actions, first=False, max_tokens=4)
    assert later.tokens == (ord("k"), ord("n"))
    assert "".join(map(chr, forced(later.child(ord("k")))[0])) == "eep\nab\0"
