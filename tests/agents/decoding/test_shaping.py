"""What changes logits before the draw.

1. By hand: bias, least length and penalties, in vLLM's order; other rows and the input stay as they are.
2. As transformers' own processors do it, where they have the same definition.
3. Through a policy: stop tokens end a message, none ends before its least length, and what is neutral
   says what it always said.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
import torch

from turnwise.agents.decoding.shaping import Said, shaped
from turnwise.agents.sampling import Sampling
from turnwise.agents.tiny import TinyConfig, TinyLM, TinyPolicy, TinyTokenizer
from turnwise.agents.types import Generation, GenerationRequest, Message
from turnwise.errors import UsageError

LOGITS = torch.tensor([[2.0, -2.0, 0.0, 1.0], [2.0, -2.0, 0.0, 1.0]])
LEAST = torch.tensor(-1e30).item()


def one(sampling: Sampling, prompt: tuple[int, ...] = (), said: tuple[int, ...] = ()) -> list[float]:
    before = LOGITS.clone()
    first, second = shaped(LOGITS, {1: Said(sampling, prompt, said, ends=(3,))})
    assert torch.equal(LOGITS, before)
    assert torch.equal(first, before[0])
    found: list[float] = second.tolist()
    return found


@pytest.mark.parametrize(
    ("sampling", "prompt", "said", "expected"),
    [
        (Sampling(logit_bias={"0": -1.5, "3": 100.0}), (), (), [0.5, -2.0, 0.0, 101.0]),
        (Sampling(min_tokens=2), (3,), (0,), [2.0, -2.0, 0.0, LEAST]),
        (Sampling(min_tokens=2), (), (0, 1), [2.0, -2.0, 0.0, 1.0]),
        (Sampling(repetition_penalty=2.0), (0, 0), (1, 2), [1.0, -4.0, 0.0, 1.0]),
        (Sampling(presence_penalty=0.5), (0,), (3, 3, 1), [2.0, -2.5, 0.0, 0.5]),
        (Sampling(frequency_penalty=0.5), (0,), (3, 3, 1), [2.0, -2.5, 0.0, 0.0]),
        # bias first, then repetition, then what is taken off: (2 - 1) / 2 - 0.25 - 0.5
        (
            Sampling(
                repetition_penalty=2.0, presence_penalty=0.5, frequency_penalty=0.25, logit_bias={"0": -1.0}
            ),
            (),
            (0,),
            [-0.25, -2.0, 0.0, 1.0],
        ),
    ],
)
def test_by_hand(
    sampling: Sampling, prompt: tuple[int, ...], said: tuple[int, ...], expected: list[float]
) -> None:
    assert one(sampling, prompt, said) == expected


def test_no_row_that_asks_for_it_is_no_copy() -> None:
    assert shaped(LOGITS, {}) is LOGITS


def test_repetition_and_length_are_those_of_transformers() -> None:
    processors = pytest.importorskip("transformers.generation.logits_process")
    logits = 3 * torch.randn(1, 40, generator=torch.Generator().manual_seed(0))
    prompt, said = (3, 9, 9, 30), (7, 3)
    ids = torch.tensor([prompt + said])
    ours = shaped(logits, {0: Said(Sampling(repetition_penalty=1.3), prompt, said, ends=(5,))})
    assert torch.equal(ours, processors.RepetitionPenaltyLogitsProcessor(1.3)(ids, logits.clone()))
    least = processors.MinNewTokensLengthLogitsProcessor(len(prompt), 3, torch.tensor([5, 6]))
    ours = shaped(logits, {0: Said(Sampling(min_tokens=3), prompt, said, ends=(5, 6))})
    assert torch.equal(ours.softmax(-1), least(ids, logits.clone()).softmax(-1))


@pytest.fixture(scope="module")
def policy() -> TinyPolicy:
    words = TinyTokenizer.train(["go to drawer 1", "take apple 2 from shelf 2", "look"] * 4, 300)
    torch.manual_seed(0)
    return TinyPolicy(TinyLM(TinyConfig(words.vocab_size, 16, 1, 2, 1, 16, max_positions=128)), words)


def ask(policy: TinyPolicy, sampling: Sampling, num: int = 6, **changes: object) -> list[Generation]:
    asked = GenerationRequest((Message("user", "look"),), max_tokens=8, sampling=sampling)
    requests = [replace(asked, key=(number,), **changes) for number in range(num)]  # type: ignore[arg-type]

    async def together() -> list[Generation]:
        return list(await asyncio.gather(*map(policy.generate, requests)))

    return asyncio.run(together())


def test_a_stop_token_ends_a_message_and_is_part_of_it(policy: TinyPolicy) -> None:
    free = ask(policy, Sampling())[0]
    stop = free.token_ids[2]
    place = free.token_ids.index(stop)
    cut = ask(policy, Sampling(stop_token_ids=(stop,)))[0]
    assert cut.token_ids == (*free.token_ids[: place + 1], policy._codec.end_id)
    assert cut.logprobs[:-1] == free.logprobs[: place + 1]
    assert cut.finish_reason == "stop"
    assert policy._codec.decode([stop]) in cut.text


def test_no_message_ends_before_its_least_length(policy: TinyPolicy) -> None:
    end = policy._codec.end_id
    eager = Sampling(logit_bias={str(end): 100.0})
    assert [said.token_ids for said in ask(policy, eager)] == [(end,)] * 6
    for said in ask(policy, replace(eager, min_tokens=3)):
        assert said.token_ids.index(end) == 3
        assert said.finish_reason == "stop"
    for said in ask(policy, replace(eager, min_tokens=3), constraint="admissible", admissible=("look",)):
        assert said.text == "look"


def test_a_penalty_keeps_greedy_messages_from_repeating(policy: TinyPolicy) -> None:
    asked = Sampling(temperature=0.0, logit_bias={"20": 50.0, "21": 49.0, "22": 48.0})
    assert set(ask(policy, asked, 1)[0].token_ids) == {20}
    once = ask(policy, replace(asked, presence_penalty=2.0), 1)[0]
    assert once.token_ids[:3] == (20, 21, 22)
    assert all(logprob == 0.0 for logprob in once.logprobs)


def test_neighbours_do_not_feel_it(policy: TinyPolicy) -> None:
    alone = ask(policy, Sampling(), 2)
    asked = GenerationRequest((Message("user", "look"),), max_tokens=8, key=(0,))
    shaping = replace(asked, key=(9,), sampling=Sampling(repetition_penalty=1.5, min_tokens=4))

    async def together() -> list[Generation]:
        return list(await asyncio.gather(*map(policy.generate, [shaping, asked, replace(asked, key=(1,))])))

    _, *beside = asyncio.run(together())
    assert [said.token_ids for said in beside] == [said.token_ids for said in alone]


@pytest.mark.parametrize(
    ("sampling", "message"),
    [
        (Sampling(min_tokens=9), "max_tokens 8; expected at least 9"),
        (Sampling(logit_bias={"99999": 1.0}), "name token 99999; expected tokens from 0 to"),
        (Sampling(stop_token_ids=(99_999,)), "name token 99999"),
    ],
)
def test_tokens_that_the_model_does_not_have_are_refused(
    policy: TinyPolicy, sampling: Sampling, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        ask(policy, sampling, 1)
