"""A policy that holds a copy of itself, off which masks are read (NLPO): tiny, and of transformers.

1. What is masked is what a whole pass of the copy says, turn by turn, cache and all.
2. Behaviour logprobs are those of the policy over what the mask left.
3. The copy moves only when it is set; each message bears its version; what it has cached goes with it.
4. A mask that leaves everything changes nothing, and neither do masked requests those beside them.
5. Version and weights come back from a state bit for bit; one of another model is refused.
6. Whoever holds one set of weights refuses a mask.
"""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from turnwise.agents.decoding import replay
from turnwise.agents.decoding.masking import MaskRow, hide
from turnwise.agents.evaluation import evaluate
from turnwise.agents.gateway import harness
from turnwise.agents.gateway.config import HarnessConfig
from turnwise.agents.gateway.episode import Asking, Episode
from turnwise.agents.gateway.harness import HarnessRollout
from turnwise.agents.models import TransformersLM
from turnwise.agents.policies.random import RandomPolicy
from turnwise.agents.policies.transformers import TransformersPolicy
from turnwise.agents.rollout import RolloutConfig, TaskItem, rollout
from turnwise.agents.sampling import Mask, Sampling
from turnwise.agents.tiny import TinyConfig, TinyLM, TinyPolicy, TinyTokenizer, save_checkpoint
from turnwise.agents.types import Generation, GenerationRequest, Masked, Message, VersionSpan
from turnwise.errors import CheckpointError, UsageError
from turnwise.servers.client import connect

TEXTS = ["You see a drawer 1, a shelf 2.", "go to drawer 1", "take apple 2 from shelf 2"] * 4
ACTIONS = ("go to drawer 1", "go to shelf 2", "look", "go", "take apple 2 from shelf 2")
MASK = Mask(0.6, 2)


def lm_of(words: TinyTokenizer, layers: int = 2) -> TinyLM:
    lm = TinyLM(TinyConfig(words.vocab_size, 32, layers, 4, 2, 48, max_positions=256))
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weight in lm.parameters():
            if weight.dim() == 2:
                weight.normal_(0.0, 0.25, generator=generator)
    return lm


@pytest.fixture(scope="module")
def words() -> TinyTokenizer:
    return TinyTokenizer.train(TEXTS, 400)


@pytest.fixture(scope="module")
def folder(words: TinyTokenizer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("qwen2")
    save_checkpoint(lm_of(words), words, place)
    return place


@pytest.fixture(params=["tiny", "transformers"])
def policy(request: pytest.FixtureRequest, words: TinyTokenizer, folder: Path) -> Any:
    if request.param == "tiny":
        return TinyPolicy(lm_of(words), words)
    return TransformersPolicy(str(folder), device="cpu")


def asked_for(number: int = 0, **changes: Any) -> GenerationRequest:
    messages = (Message("system", "You see a shelf 2."), Message("user", "apple " * (1 + number % 4)))
    return replace(GenerationRequest(messages=messages, key=(number,), max_tokens=9, mask=MASK), **changes)


def ask(policy: Any, requests: Sequence[GenerationRequest]) -> list[Generation]:
    async def together() -> list[Generation]:
        return list(await asyncio.gather(*(policy.generate(asked) for asked in requests)))

    return asyncio.run(together())


def learned(policy: Any, version: int, seed: int = 7) -> None:
    """Give the policy other weights, as a learner does."""
    with torch.no_grad():
        for weight in policy._model.parameters():
            weight += 0.1 * torch.randn(weight.shape, generator=torch.Generator().manual_seed(seed))
    state = policy._model.state_dict() if isinstance(policy, TinyPolicy) else None
    policy.update_weights(state, version)


def logits_of(model: Any, generation: Generation) -> torch.Tensor:
    """Return what a model thinks of each token of a message, in one pass over all of it."""
    ids = torch.tensor([generation.prompt_ids + generation.token_ids])
    with torch.no_grad():
        logits: torch.Tensor = model.head(model.hidden(ids, torch.tensor([ids.shape[1]]))[0])
    return logits[len(generation.prompt_ids) - 1 : -1]


def next_turn(policy: Any, asked: GenerationRequest, said: Generation, turn: int) -> GenerationRequest:
    reply = policy.encode_reply((Message("user", f"You see a drawer {turn}."),), said.finish_reason)
    return replace(
        asked, messages=(), prompt_ids=said.prompt_ids + said.token_ids + reply, key=(*asked.key, turn)
    )


def allowed_by_tree(policy: Any, generation: Generation) -> list[Any]:
    """Return what the tree of the actions lets be said at each place of a message."""
    node, found = policy._tries.get(ACTIONS), []
    for token in generation.token_ids:
        found.append(node.tokens)
        node = node.child(token)
    return found


@pytest.mark.parametrize("constraint", ["none", "admissible"])
def test_what_is_masked_is_what_a_whole_pass_of_the_copy_says(policy: Any, constraint: Any) -> None:
    policy.hold_mask()
    learned(policy, 1)
    codec = policy._codec
    ends = sorted({codec.end_id, *codec.stop_ids})
    changes = {"constraint": constraint, "admissible": ACTIONS, "sampling": Sampling(0.8)}
    requests = [asked_for(n, conversation=f"c{n}", **changes) for n in range(6)]
    hidden = 0
    for turn in range(3):
        said = ask(policy, requests)
        for generation in said:
            free = [None] * len(generation.token_ids)
            allowed = free if constraint == "none" else allowed_by_tree(policy, generation)
            rows = [MaskRow(MASK, tokens, ends, 0.8) for tokens in allowed]
            own = logits_of(policy._model, generation)
            expected = hide(logits_of(policy._mask._model, generation), own, rows)
            assert [each.allowed for each in expected] == list(generation.support)
            logprobs, entropies = replay(own, generation.token_ids, generation.support, 0.8)
            assert logprobs.tolist() == pytest.approx(generation.logprobs, abs=1e-5)
            assert entropies.tolist() == pytest.approx(generation.entropy, abs=1e-4)
            choices = [
                each
                for each, tokens in zip(expected, allowed, strict=True)
                if tokens is None or len(tokens) > 1
            ]
            told = generation.masked
            assert told is not None and (told.version, told.steps) == (0, len(choices))
            assert told.hidden == pytest.approx(sum(each.share for each in choices))
            assert told.mass == pytest.approx(sum(each.mass for each in choices), abs=1e-4)
            assert told.forbids == sum(each.forbids for each in choices)
            hidden += sum(each.share > 0 for each in choices)
        requests = [next_turn(policy, asked, each, turn) for asked, each in zip(requests, said, strict=True)]
    assert hidden > 10


def supports_by(model: Any, policy: Any, generation: Generation) -> list[Any]:
    """Return what a mask model lets be said at each place of a message, by one pass over all of it."""
    codec, logits = policy._codec, logits_of(model, generation)
    rows = [MaskRow(MASK, None, sorted({codec.end_id, *codec.stop_ids}), 1.0)] * generation.num_tokens
    return [each.allowed for each in hide(logits, logits, rows)]


def test_the_copy_moves_only_when_it_is_set_and_what_it_has_cached_goes(policy: Any) -> None:
    def weights() -> dict[str, torch.Tensor]:
        return {name: weight.clone() for name, weight in policy.mask_state()["weights"].items()}

    def same(first: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
        return first.keys() == other.keys() and all(torch.equal(first[name], other[name]) for name in first)

    policy.hold_mask()
    begun, models = weights(), [copy.deepcopy(policy._model)]
    request = asked_for(conversation="c")
    (said,) = ask(policy, [request])
    for version, sets, by in ((3, False, 0), (4, True, 4), (5, False, 4), (6, True, 6)):
        learned(policy, version, seed=version)
        assert same(weights(), begun)
        if sets:
            policy.set_mask()
            begun, models = weights(), [*models, copy.deepcopy(policy._model)]
            assert same(begun, dict(policy._model.named_parameters()))
        request = next_turn(policy, request, said, version)
        (said,) = ask(policy, [request])
        assert said.masked is not None and (said.versions[0].version, said.masked.version) == (version, by)
        assert list(said.support) == supports_by(models[-1], policy, said)
        assert list(said.support) != supports_by(models[-2] if sets else policy._model, policy, said)
        assert not (sets and said.masked.forbids), "its own likeliest token is never masked by itself"


def test_a_mask_that_leaves_everything_changes_nothing_to_the_last_bit(policy: Any) -> None:
    requests = [asked_for(n, mask=Mask(), max_tokens=6) for n in range(5)]
    plain = ask(policy, requests)
    policy.hold_mask()
    everything = [replace(asked, mask=Mask(0.5, policy.vocab_size)) for asked in requests]
    learned_before = ask(policy, everything)
    assert [replace(each, masked=None) for each in learned_before] == plain
    assert {each.masked for each in learned_before if each.masked and each.masked.hidden} == set()


def test_masked_requests_change_nothing_of_those_beside_them(policy: Any) -> None:
    plain = [asked_for(n, mask=Mask()) for n in range(4)]
    alone = ask(policy, plain)
    policy.hold_mask()
    learned_policy = ask(policy, [each for n in range(4) for each in (plain[n], asked_for(n + 10))])
    for first, second in zip(alone, learned_policy[::2], strict=True):
        assert (first.token_ids, second.masked) == (second.token_ids, None)
        assert first.logprobs == pytest.approx(second.logprobs, abs=1e-5)
    assert all(each.masked is not None for each in learned_policy[1::2])


def test_what_the_copy_has_cached_ends_with_the_conversation(policy: Any) -> None:
    policy.hold_mask()
    (said,) = ask(policy, [asked_for(conversation="c")])

    def held() -> int:
        with policy._mask.conversations.batch(["c"], [said.prompt_ids]) as (_, found):
            return int(found[0])

    assert held() == len(said.prompt_ids) - 1
    policy.forget("c")
    assert held() == 0


def test_the_copy_has_nothing_to_do_where_nobody_asks_for_a_mask(policy: Any) -> None:
    policy.hold_mask()
    policy._mask.conversations = None
    assert ask(policy, [asked_for(mask=Mask())])[0].masked is None


def test_a_copy_comes_back_from_its_state(policy: Any, words: TinyTokenizer) -> None:
    policy.hold_mask()
    learned(policy, 2)
    policy.set_mask()
    state = {
        **policy.mask_state(),
        "weights": {n: w.clone() for n, w in policy.mask_state()["weights"].items()},
    }
    learned(policy, 5, seed=9)
    request = asked_for()
    (said,) = ask(policy, [request])
    policy.set_mask()
    (other,) = ask(policy, [request])
    policy.load_mask(state)
    (again,) = ask(policy, [request])
    assert again == said != other
    with pytest.raises(CheckpointError, match="mask policy of the checkpoint is of another model"):
        policy.load_mask({"version": 1, "weights": {**state["weights"], "more": torch.zeros(1)}})
    larger = TinyPolicy(lm_of(words, layers=1), words)
    larger.hold_mask()
    with pytest.raises(CheckpointError, match="of another model"):
        larger.load_mask(state)
    assert ask(policy, [request]) == [said], "a refusal leaves the copy as it was"


def test_what_an_adapter_trains_on_is_shared_and_the_adapter_is_not(folder: Path) -> None:
    pytest.importorskip("peft")
    model = TransformersLM.load(str(folder))
    model.adapt(str(folder), 2, 4.0, ())
    policy = TransformersPolicy(str(folder), device="cpu", model=model)
    policy.hold_mask()
    assert policy._mask is not None
    own, copied = dict(model.named_parameters()), dict(policy._mask._model.named_parameters())
    assert own.keys() == copied.keys() and any(weight.requires_grad for weight in own.values())
    for name, weight in own.items():
        assert (weight.data_ptr() == copied[name].data_ptr()) == (not weight.requires_grad)
    assert set(policy.mask_state()["weights"]) == {
        name for name, weight in own.items() if weight.requires_grad
    }
    trained = next(name for name, weight in own.items() if weight.requires_grad)
    with torch.no_grad():
        own[trained] += 1.0
    assert not torch.equal(own[trained], policy.mask_state()["weights"][trained])
    policy.set_mask()
    assert all(torch.equal(weight, copied[name]) for name, weight in own.items())


def test_who_holds_no_copy_refuses(policy: Any) -> None:
    with pytest.raises(UsageError, match=r"rollout.mask.top_p is 0.6: .* holds one; set it to 1.0"):
        ask(policy, [asked_for()])
    for call in (policy.set_mask, policy.mask_state, lambda: policy.load_mask({})):
        with pytest.raises(UsageError, match=r"holds no mask policy; call hold_mask\(\) first"):
            call()
    config = RolloutConfig(mask=MASK)

    async def play(through: Any, player: Any) -> None:
        client = connect("local:")
        try:
            await through(client, player, [TaskItem("household/demo-v0")], config)
        finally:
            await client.aclose()

    for through, player in (
        (rollout, RandomPolicy()),
        (rollout, policy),
        (HarnessRollout(HarnessConfig("python -c pass")), policy),
    ):
        with pytest.raises(UsageError, match=r"rollout.mask.top_p is 0.6"):
            asyncio.run(play(through, player))


def test_programs_that_play_and_a_gateway_ask_for_it(policy: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Asking] = []

    def gateway(asking: Asking, *rest: Any) -> Any:
        seen.append(asking)
        raise UsageError("seen")

    policy.hold_mask()
    monkeypatch.setattr(harness, "Gateway", gateway)
    with pytest.raises(UsageError, match="seen"):
        played = HarnessRollout(HarnessConfig("python -c pass"))
        asyncio.run(played(connect("local:"), policy, [], RolloutConfig(mask=MASK)))
    place = SimpleNamespace(
        prompt_ids=(5, 6),
        line=0,
        messages=(),
        renderer=SimpleNamespace(encoder=SimpleNamespace(opens_thought=False)),
    )
    episode = SimpleNamespace(asking=seen[0], task=TaskItem("e"), id="0" * 32, instruction="")
    call, asked = SimpleNamespace(info={}, side=False, number=0), SimpleNamespace(max_tokens=None, stop=())
    monkeypatch.setattr("turnwise.agents.gateway.episode.observation_of", lambda place: "")
    arguments: Any = (episode, call, asked, place)
    assert Episode._request(*arguments).mask == MASK


def test_an_evaluation_plays_the_policy_itself(policy: Any) -> None:
    with pytest.raises(UsageError, match="mask: an evaluation plays the policy itself"):
        asyncio.run(evaluate(connect("local:"), policy, "household/demo-v0", config=RolloutConfig(mask=MASK)))


def test_a_message_with_a_mask_goes_into_a_file_and_back() -> None:
    from turnwise.agents.trajectories import from_generation, to_generation

    said = Generation(
        "go", (1,), (2,), (-0.5,), ((2, 3),), (VersionSpan(4, 0, 1),), masked=Masked(3, 1, 0.25, 0.125, 1)
    )
    assert to_generation(from_generation(said)) == said
