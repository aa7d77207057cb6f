"""What a policy promises, on a real model.

1. Behaviour logprobs equal a learner's forward pass: largest |ratio - 1| at most 1e-5.
2. A generation does not depend on its batch, nor on whether its prompt was cached.
3. Under the constraint only admissible actions are said; forced tokens are marked.
4. Slots are reused, evicted, forgotten; new weights make caches stale.
5. One bad request, or a caller that gives up, harms nobody else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from turnwise.agents.decoding import replay
from turnwise.agents.sampling import Sampling
from turnwise.agents.tiny import TinyLM, TinyPolicy, TinyTokenizer, cache, load_policy
from turnwise.agents.tiny.slots import SlotTable
from turnwise.agents.types import Generation, GenerationRequest, Message, common_prefix
from turnwise.errors import PolicyError, UsageError

ACTIONS = tuple(
    [f"go to {place} {n}" for place in ("drawer", "shelf", "cabinet") for n in (1, 2, 3)]
    + ["look", "go", "take apple 2 from shelf 2", "take apple 2"]
)
TASK = Message("system", "You are in a kitchen. You see a drawer 1, a shelf 2, a cabinet 3.")


def request(number: int = 0, **changes: object) -> GenerationRequest:
    messages = (TASK, Message("user", "apple " * (1 + number % 5)))
    return replace(GenerationRequest(messages=messages, key=(number,), max_tokens=10), **changes)  # type: ignore[arg-type]


def ask(policy: TinyPolicy, requests: Sequence[GenerationRequest]) -> list[Generation]:
    async def together() -> list[Generation]:
        return list(await asyncio.gather(*(policy.generate(asked) for asked in requests)))

    return asyncio.run(together())


def replayed(model: TinyLM, generation: Generation) -> tuple[torch.Tensor, torch.Tensor]:
    ids = torch.tensor([generation.prompt_ids + generation.token_ids])
    with torch.no_grad():
        logits = model.head(model.hidden(ids, torch.tensor([ids.shape[1]]))[0])
    chosen = logits[len(generation.prompt_ids) - 1 : -1]
    support = generation.support or [None] * len(generation.token_ids)
    return replay(chosen, generation.token_ids, support, generation.temperature)


@pytest.mark.parametrize("constraint", ["none", "admissible"])
@pytest.mark.parametrize(("temperature", "top_p", "top_k"), [(1.0, 1.0, 0), (0.7, 0.9, 0), (1.3, 1.0, 5)])
def test_ratios_start_at_one_over_several_turns(
    model: TinyLM,
    tokenizer: TinyTokenizer,
    constraint: str,
    temperature: float,
    top_p: float,
    top_k: int,
) -> None:
    policy = TinyPolicy(model, tokenizer)
    changes = {
        "constraint": constraint,
        "admissible": ACTIONS,
        "sampling": Sampling(temperature, top_p, top_k),
    }
    requests = [request(number, conversation=f"c{number}", **changes) for number in range(12)]
    for turn in range(3):
        generations = ask(policy, requests)
        for generation in generations:
            logprobs, entropies = replayed(model, generation)
            ratio = (logprobs - torch.tensor(generation.logprobs, dtype=torch.float64)).exp()
            assert (ratio - 1).abs().max() <= 1e-5
            assert entropies.tolist() == pytest.approx(generation.entropy, abs=1e-4)
        requests = [
            replace(
                asked,
                messages=(),
                prompt_ids=said.prompt_ids
                + said.token_ids
                + policy.encode_reply((Message("user", f"You see {turn}."),), said.finish_reason),
                key=(*asked.key, turn),
            )
            for asked, said in zip(requests, generations, strict=True)
        ]


@pytest.mark.parametrize("constraint", ["none", "admissible"])
def test_a_generation_does_not_depend_on_batch_or_cache(
    model: TinyLM, tokenizer: TinyTokenizer, constraint: str
) -> None:
    requests = [request(number, constraint=constraint, admissible=ACTIONS) for number in range(9)]
    policy = TinyPolicy(model, tokenizer)
    together = ask(policy, requests)
    alone = [ask(TinyPolicy(model, tokenizer), [asked])[0] for asked in requests]
    named = [replace(asked, conversation=f"c{number % 4}") for number, asked in enumerate(requests)]
    cached = ask(policy, named) and ask(policy, named[::-1])[::-1]
    for first, second, third in zip(together, alone, cached, strict=True):
        assert first.token_ids == second.token_ids == third.token_ids
        assert first.logprobs == pytest.approx(second.logprobs, abs=1e-5)
        assert first.logprobs == pytest.approx(third.logprobs, abs=1e-5)
    assert len({generation.token_ids for generation in together}) > 2


def test_equal_batches_give_equal_numbers(model: TinyLM, tokenizer: TinyTokenizer) -> None:
    requests = [request(number, sampling=Sampling(0.7, 0.9)) for number in range(7)]
    assert ask(TinyPolicy(model, tokenizer), requests) == ask(TinyPolicy(model, tokenizer), requests)


def test_only_admissible_actions_are_said(model: TinyLM, tokenizer: TinyTokenizer) -> None:
    requests = [request(number, constraint="admissible", admissible=ACTIONS) for number in range(60)]
    generations = ask(TinyPolicy(model, tokenizer), requests)
    assert {generation.text for generation in generations} <= set(ACTIONS)
    assert len({generation.text for generation in generations}) > 3
    for generation in generations:
        assert generation.finish_reason == "stop"
        assert generation.token_ids == (*tokenizer.encode(generation.text), tokenizer.end_id)
        assert len(generation.support) == len(generation.token_ids) == len(generation.char_ends)
        for token, logprob, support in zip(
            generation.token_ids, generation.logprobs, generation.support, strict=True
        ):
            assert support is not None and token in support
            assert (logprob == 0.0) == (len(support) == 1)


def test_a_single_action_is_said_without_running_the_model(model: TinyLM, tokenizer: TinyTokenizer) -> None:
    broken = TinyLM(model.config)
    with torch.no_grad():
        broken.norm.fill_(float("nan"))
    one = request(constraint="admissible", admissible=("look",))
    generation = ask(TinyPolicy(broken, tokenizer), [one])[0]
    assert (generation.text, set(generation.logprobs)) == ("look", {0.0})


def test_constrained_shares_are_those_of_the_restricted_model(
    model: TinyLM, tokenizer: TinyTokenizer
) -> None:
    """Compare how often each of two actions is said with its probability under the tree."""
    pair = ("go", "look")
    policy = TinyPolicy(model, tokenizer)
    same = replace(request(), constraint="admissible", admissible=pair)
    generations = ask(policy, [replace(same, key=(number,)) for number in range(600)])
    prompt = generations[0].prompt_ids
    ids = torch.tensor([prompt])
    with torch.no_grad():
        logits = model.head(model.hidden(ids, torch.tensor([len(prompt)]))[0, -1])
    firsts = [tokenizer.encode(action)[0] for action in pair]
    expected = logits[firsts].softmax(0)[0].item()
    share = sum(generation.text == "go" for generation in generations) / 600
    assert 0.05 < expected < 0.95
    assert share == pytest.approx(expected, abs=0.07)


def test_stop_text_ends_the_message_with_a_forced_end(model: TinyLM, tokenizer: TinyTokenizer) -> None:
    policy = TinyPolicy(model, tokenizer)
    said = ask(policy, [request(number, max_tokens=12) for number in range(20)])
    number, free = next(pair for pair in enumerate(said) if len(pair[1].text) > 6)
    stop = free.text[4:6]
    cut = ask(policy, [request(number, max_tokens=12, stop=(stop, "never said"))])[0]
    assert cut.text == free.text[: free.text.index(stop)]
    assert cut.finish_reason == "stop"
    assert cut.token_ids[-1] == tokenizer.end_id
    assert cut.support[-1] == (tokenizer.end_id,)
    assert cut.token_ids[:-1] == free.token_ids[: len(cut.token_ids) - 1]


def test_length_cuts_at_max_tokens_and_at_the_context(model: TinyLM, tokenizer: TinyTokenizer) -> None:
    policy = TinyPolicy(model, tokenizer)
    long = (7,) * (policy.context_tokens - 2)
    generation = ask(policy, [GenerationRequest(prompt_ids=long, max_tokens=50, key=(1,))])[0]
    assert len(generation.token_ids) <= 2
    with pytest.raises(PolicyError, match="fills the model's context of 256"):
        ask(policy, [GenerationRequest(prompt_ids=(7,) * 256)])
    cut = ask(policy, [request(constraint="admissible", admissible=("take apple 2",), max_tokens=2)])[0]
    assert (cut.finish_reason, len(cut.token_ids)) == ("length", 2)


def test_greedy_is_the_most_likely_token(model: TinyLM, tokenizer: TinyTokenizer) -> None:
    generation = ask(TinyPolicy(model, tokenizer), [request(sampling=Sampling(0.0))])[0]
    ids = torch.tensor([generation.prompt_ids + generation.token_ids])
    with torch.no_grad():
        logits = model.head(model.hidden(ids, torch.tensor([ids.shape[1]]))[0])
    start = len(generation.prompt_ids) - 1
    assert tuple(logits[start:-1].argmax(-1).tolist()) == generation.token_ids


def test_new_weights_make_caches_stale(model: TinyLM, tokenizer: TinyTokenizer) -> None:
    policy = TinyPolicy(model, tokenizer)
    named = request(1, conversation="c", sampling=Sampling(0.0))
    before = ask(policy, [named])[0]
    other = TinyLM(model.config, seed=9)
    with torch.no_grad():
        for weight in other.parameters():
            if weight.dim() == 2:
                weight.mul_(20)
    policy.update_weights(other.state_dict(), version=5)
    after = ask(policy, [named])[0]
    fresh = ask(TinyPolicy(other, tokenizer, version=5), [named])[0]
    assert after == fresh
    assert after.token_ids != before.token_ids
    assert [span.version for span in after.versions] == [5]
    assert policy.version == 5


def test_a_conversation_under_new_weights_is_read_again_by_them(
    model: TinyLM, tokenizer: TinyTokenizer
) -> None:
    """Turn 2 follows turn 1 of older weights: its logprobs are those of a policy that never saw them."""
    policy = TinyPolicy(model, tokenizer)
    named = [request(number, conversation=f"c{number}") for number in range(3)]
    first = ask(policy, named)
    other = TinyLM(model.config, seed=9)
    with torch.no_grad():
        for weight in other.parameters():
            if weight.dim() == 2:
                weight.mul_(20)
    policy.update_weights(other.state_dict(), version=5)
    second = [
        replace(
            asked, messages=(), max_tokens=6, key=(number, 1),
            prompt_ids=said.prompt_ids + said.token_ids
            + tokenizer.encode_reply((Message("user", "go on"),), said.finish_reason),
        )
        for number, (asked, said) in enumerate(zip(named, first, strict=True))
    ]  # fmt: skip
    for asked, said in zip(second, ask(policy, second), strict=True):
        (fresh,) = ask(TinyPolicy(other, tokenizer, version=5), [replace(asked, conversation=None)])
        assert said.token_ids == fresh.token_ids
        assert said.logprobs == pytest.approx(fresh.logprobs, abs=1e-5)
        assert replayed(other, said)[0].tolist() == pytest.approx(said.logprobs, abs=1e-5)
        assert [span.version for span in said.versions] == [5]
        older = replayed(model, said)[0]
        assert float((older - torch.tensor(said.logprobs)).abs().max()) > 0.1  # the weights do differ


def test_training_the_model_does_not_touch_the_policy(model: TinyLM, tokenizer: TinyTokenizer) -> None:
    mine = TinyLM(model.config)
    mine.copy_weights(model.state_dict())
    policy = TinyPolicy(mine, tokenizer)
    before = ask(policy, [request()])
    with torch.no_grad():
        mine.norm.mul_(-3)
    assert ask(policy, [request()]) == before


def test_foreign_weights_are_refused(model: TinyLM, tokenizer: TinyTokenizer) -> None:
    policy = TinyPolicy(model, tokenizer)
    with pytest.raises(UsageError, match="weights of another model"):
        policy.update_weights({"x": torch.zeros(1)}, 1)
    wrong = {**model.state_dict(), "norm": torch.zeros(3)}
    with pytest.raises(UsageError, match=r"weight norm has the shape \(3,\); expected \(32,\)"):
        policy.update_weights(wrong, 1)
    assert policy.version == 0


def test_diverged_weights_are_an_error_and_leave_no_trace(model: TinyLM, tokenizer: TinyTokenizer) -> None:
    policy = TinyPolicy(model, tokenizer)
    # Number 4 has the longest prompt: what it leaves behind lies beyond the short one of number 0.
    both = [request(0, conversation="c"), request(4, conversation="d")]
    good = ask(policy, both)
    broken = {name: torch.full_like(weight, torch.nan) for name, weight in model.named_parameters()}
    policy.update_weights(broken, 1)
    with pytest.raises(PolicyError, match="policy version 1: logits that are not finite"):
        ask(policy, [request(4, conversation="c"), request(2)])
    policy.update_weights(model.state_dict(), 0)
    assert ask(policy, both) == good


def test_a_batch_too_large_for_one_pass_is_divided(
    model: TinyLM, tokenizer: TinyTokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests = [request(number, conversation=f"c{number}") for number in range(12)]
    whole = ask(TinyPolicy(model, tokenizer), requests)
    for name, bound in (("_PASS_TOKENS", 40), ("_PASS_MASK", 2000), ("_RIDE_ALONG_TOKENS", 0)):
        monkeypatch.setattr(cache, name, bound)
        divided = ask(TinyPolicy(model, tokenizer), requests)
        for together, apart in zip(whole, divided, strict=True):
            assert together.token_ids == apart.token_ids
            assert together.logprobs == pytest.approx(apart.logprobs, abs=1e-5)


def test_more_conversations_than_slots(model: TinyLM, tokenizer: TinyTokenizer) -> None:
    small = TinyPolicy(model, tokenizer, num_slots=3)
    large = TinyPolicy(model, tokenizer)
    requests = [request(number, conversation=f"c{number}") for number in range(10)]
    for _ in range(2):
        for few, many in zip(ask(small, requests), ask(large, requests), strict=True):
            assert few.token_ids == many.token_ids
    small.forget("c9")
    ask(small, [request(3)])


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"max_tokens": 0}, "max_tokens 0"),
        ({"messages": ()}, "either messages or prompt_ids"),
        ({"prompt_ids": (1, 2)}, "either messages or prompt_ids"),
        ({"messages": (), "prompt_ids": (1, 99_999)}, "outside 0 to"),
    ],
)
def test_one_bad_request_harms_nobody_else(
    model: TinyLM, tokenizer: TinyTokenizer, changes: dict[str, object], reason: str
) -> None:
    policy = TinyPolicy(model, tokenizer)

    async def both() -> list[Generation | BaseException]:
        bad = policy.generate(request(1, **changes))
        return await asyncio.gather(policy.generate(request()), bad, return_exceptions=True)

    good, error = asyncio.run(both())
    assert isinstance(good, Generation)
    assert isinstance(error, UsageError) and reason in str(error)


def test_no_action_under_the_constraint_is_an_error(model: TinyLM, tokenizer: TinyTokenizer) -> None:
    with pytest.raises(PolicyError, match="constraint 'admissible'"):
        ask(TinyPolicy(model, tokenizer), [request(constraint="admissible")])
    with pytest.raises(PolicyError, match="expected at least one"):
        ask(TinyPolicy(model, tokenizer), [request(constraint="listed", admissible=())])


def test_a_listed_constraint_binds_where_actions_are_listed(model: TinyLM, tokenizer: TinyTokenizer) -> None:
    bound = [request(number, constraint="listed", admissible=ACTIONS) for number in range(20)]
    free = [request(number, constraint="listed") for number in range(20)]
    open_ = [request(number, constraint="none") for number in range(20)]
    said = ask(TinyPolicy(model, tokenizer), [*bound, *free, *open_])
    assert {answer.text for answer in said[:20]} <= set(ACTIONS)
    assert [answer.token_ids for answer in said[20:40]] == [answer.token_ids for answer in said[40:]]
    assert all(support is None for answer in said[20:40] for support in answer.support)


def test_a_caller_that_gives_up_harms_nobody_else(model: TinyLM, tokenizer: TinyTokenizer) -> None:
    policy = TinyPolicy(model, tokenizer)

    async def scene() -> Generation:
        leaving = asyncio.create_task(policy.generate(request(1)))
        staying = asyncio.create_task(policy.generate(request(2)))
        await asyncio.sleep(0)
        leaving.cancel()
        await asyncio.gather(leaving, return_exceptions=True)
        return await staying

    assert asyncio.run(scene()) == ask(TinyPolicy(model, tokenizer), [request(2)])[0]


def test_scores_are_logprobs_of_the_whole_vocabulary(model: TinyLM, tokenizer: TinyTokenizer) -> None:
    policy = TinyPolicy(model, tokenizer)

    async def scores() -> list[tuple[float, ...]]:
        return list(await asyncio.gather(policy.score((5, 6, 7), (8, 9)), policy.score((5,), (6,))))

    first, second = asyncio.run(scores())
    with torch.no_grad():
        logits = model.head(model.hidden(torch.tensor([[5, 6, 7, 8, 9]]), torch.tensor([5]))[0]).log_softmax(
            -1
        )
    assert first == pytest.approx([logits[2, 8].item(), logits[3, 9].item()], abs=1e-5)
    assert second == pytest.approx([logits[0, 6].item()], abs=1e-5)
    with pytest.raises(UsageError, match="0 continuation tokens"):
        asyncio.run(policy.score((1,), ()))


def test_load_policy_gives_what_was_saved(folder: Path, model: TinyLM, tokenizer: TinyTokenizer) -> None:
    loaded = load_policy(folder, version=3, name="mine")
    assert (loaded.name, loaded.version, loaded.context_tokens) == ("mine", 3, 256)
    assert ask(loaded, [request()]) == ask(TinyPolicy(model, tokenizer, version=3), [request()])


@given(st.lists(st.integers(0, 2), max_size=6), st.lists(st.integers(0, 2), max_size=6))
def test_common_prefix(first: list[int], second: list[int]) -> None:
    length = common_prefix(first, second)
    assert first[:length] == second[:length]
    assert length == min(len(first), len(second)) or first[length] != second[length]


def test_slots_go_to_the_lowest_number_and_come_back() -> None:
    table = SlotTable(3)
    first = table.acquire(["a", "b", None])
    assert [slot.number for slot in first] == [0, 1, 2]
    table.release_unowned(first)
    assert [slot.number for slot in table.acquire(["b", "a"])] == [1, 0]
    table.forget("a")
    table.forget("unknown")
    assert [slot.number for slot in table.acquire([None, "d"])] == [0, 2]
    assert len(table) == 2


def test_the_conversation_unused_for_longest_gives_way() -> None:
    table = SlotTable(2)
    table.acquire(["a", "b"])[1].ids = [1, 2]
    table.acquire(["a"])[0].ids = [3]
    assert [slot.number for slot in table.acquire(["c"])] == [1]
    assert table.acquire(["a"])[0].ids == [3]
    assert table.acquire(["b", "b"])[0].ids == []
