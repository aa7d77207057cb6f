"""TransformersPolicy on a small random Qwen2: against transformers' own generate, and against TinyPolicy."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from architectures import model_of, write_model

from turnwise.agents.decoding import replay
from turnwise.agents.models import TransformersLM
from turnwise.agents.policies import Policy
from turnwise.agents.policies.places import shipped_policy
from turnwise.agents.policies.transformers import (
    TransformersPolicy,
    check_saved,
    load_tokenizer,
    save_tokenizer,
)
from turnwise.agents.prompts.chat_template import ChatCodec
from turnwise.agents.sampling import Sampling
from turnwise.agents.tiny import TinyConfig, TinyLM, TinyPolicy, TinyTokenizer, save_checkpoint
from turnwise.agents.types import Generation, GenerationRequest, Message
from turnwise.errors import CheckpointError, PolicyError, UsageError

pytest.importorskip("transformers")

TEXTS = ["You see a drawer 1, a shelf 2.", "go to drawer 1", "take apple 2 from shelf 2"] * 4
ACTIONS = ("go to drawer 1", "go to shelf 2", "look", "go", "take apple 2 from shelf 2")
CHATML = (
    "{% if messages[0]['role'] != 'system' %}<|task|>default<|end|>\n{% endif %}"
    "{% for m in messages %}<|task|>{{ m['role'] }}\n{{ m['content'] }}<|end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|task|>assistant\n{% endif %}"
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    words = TinyTokenizer.train(TEXTS, 400)
    lm = TinyLM(TinyConfig(words.vocab_size, 32, 2, 4, 2, 48, max_positions=256))
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weight in lm.parameters():
            if weight.dim() == 2:
                weight.normal_(0.0, 0.25, generator=generator)
    place = tmp_path_factory.mktemp("qwen2")
    save_checkpoint(lm, words, place)
    return place


@pytest.fixture
def policy(folder: Path) -> TransformersPolicy:
    return TransformersPolicy(str(folder), device="cpu")


def request(number: int = 0, **changes: Any) -> GenerationRequest:
    messages = (Message("system", "You see a shelf 2."), Message("user", "apple " * (1 + number % 4)))
    return replace(GenerationRequest(messages=messages, key=(number,), max_tokens=9), **changes)


def ask(policy: Policy, requests: Sequence[GenerationRequest]) -> list[Generation]:
    async def together() -> list[Generation]:
        return list(await asyncio.gather(*(policy.generate(asked) for asked in requests)))

    return asyncio.run(together())


def with_template(folder: Path, target: Path, template: str | None) -> str:
    for path in folder.iterdir():
        (target / path.name).write_bytes(path.read_bytes())
    file = target / "tokenizer_config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "chat_template": template}))
    return str(target)


def test_greedy_agrees_with_transformers_generate(policy: TransformersPolicy) -> None:
    requests = [request(number, sampling=Sampling(0.0), max_tokens=12) for number in range(4)]
    for generation in ask(policy, requests):
        prompt = torch.tensor([generation.prompt_ids])
        expected = policy.model.model.generate(
            prompt, attention_mask=torch.ones_like(prompt), max_new_tokens=12, do_sample=False
        )[0, prompt.shape[1] :]
        assert generation.token_ids == tuple(expected.tolist())


@pytest.mark.parametrize("constraint", ["none", "admissible"])
def test_turn_by_turn_it_says_what_the_tiny_policy_says(
    folder: Path, policy: TransformersPolicy, constraint: Any
) -> None:
    """Two engines of the same weights draw the same tokens from the same keys, cache and all."""
    from turnwise.agents.tiny import load_policy

    tiny: TinyPolicy = load_policy(folder)
    requests = [
        request(n, constraint=constraint, admissible=ACTIONS, sampling=Sampling(0.8), conversation=f"c{n}")
        for n in range(6)
    ]
    for turn in range(3):
        ours, theirs = ask(policy, requests), ask(tiny, requests)
        for our, their in zip(ours, theirs, strict=True):
            assert our.token_ids == their.token_ids
            assert our.text == their.text
            assert our.support == their.support
            assert our.char_ends == their.char_ends
            assert our.finish_reason == their.finish_reason
            assert our.logprobs == pytest.approx(their.logprobs, abs=2e-5)
        reply = (Message("user", f"You see a drawer {turn}."),)
        requests = [
            replace(
                asked,
                messages=(),
                prompt_ids=said.prompt_ids + said.token_ids + policy.encode_reply(reply, said.finish_reason),
                key=(*asked.key, turn),
            )
            for asked, said in zip(requests, ours, strict=True)
        ]
        assert [asked.prompt_ids for asked in requests] == [
            said.prompt_ids + said.token_ids + tiny.encode_reply(reply, said.finish_reason) for said in theirs
        ]


def test_the_cache_is_used_and_bounded(folder: Path) -> None:
    policy = TransformersPolicy(str(folder), device="cpu", cache_tokens=60)
    seen: list[int] = []
    forward = policy.model.model.forward

    def counting(*args: Any, **kwargs: Any) -> Any:
        seen.append(kwargs["input_ids"].shape[1])
        return forward(*args, **kwargs)

    policy.model.model.forward = counting
    first = ask(policy, [request(conversation="c")])[0]
    seen.clear()
    reply = policy.encode_reply((Message("user", "look"),), first.finish_reason)
    longer = request(
        conversation="c", messages=(), prompt_ids=first.prompt_ids + first.token_ids + reply, key=(1,)
    )
    second = ask(policy, [longer])[0]
    # The last token that was said had not been run; everything before it had.
    assert seen[0] == len(reply) + 1
    fresh = ask(TransformersPolicy(str(folder), device="cpu"), [longer])[0]
    assert second.token_ids == fresh.token_ids
    assert second.logprobs == pytest.approx(fresh.logprobs, abs=1e-5)
    ask(policy, [request(number, conversation=f"d{number}") for number in range(8)])
    assert sum(len(kept.ids) for kept in policy._own._caches.values()) <= 60
    policy.update_weights(None, 4)
    seen.clear()
    again = ask(policy, [longer])[0]
    assert (seen[0], again.versions[0].version) == (len(longer.prompt_ids or ()), 4)
    policy.forget("c")
    seen.clear()
    ask(policy, [longer])
    assert seen[0] == len(longer.prompt_ids or ())


@pytest.mark.parametrize("shared", [True, False])
def test_a_conversation_under_new_weights_is_read_again_by_them(folder: Path, shared: bool) -> None:
    model = TransformersLM.load(str(folder)).eval()
    policy = TransformersPolicy(str(folder), device="cpu", model=model)
    (first,) = ask(policy, [request(conversation="c")])
    other = TransformersLM.load(str(folder)).eval()
    generator = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for weight in other.parameters():
            weight.add_(torch.randn(weight.shape, generator=generator), alpha=0.2)
        if shared:  # the learner has moved the very weights that the policy samples with
            for mine, new in zip(model.parameters(), other.parameters(), strict=True):
                mine.copy_(new)
    policy.update_weights(None if shared else other.state_dict(), 2)
    reply = policy.encode_reply((Message("user", "look"),), first.finish_reason)
    longer = request(
        conversation="c", messages=(), prompt_ids=first.prompt_ids + first.token_ids + reply, key=(1,)
    )
    (second,) = ask(policy, [longer])
    (fresh,) = ask(TransformersPolicy(str(folder), device="cpu", model=other), [longer])
    assert second.token_ids == fresh.token_ids
    assert second.logprobs == pytest.approx(fresh.logprobs, abs=1e-5)
    assert [span.version for span in second.versions] == [2]
    (older,) = ask(TransformersPolicy(str(folder), device="cpu"), [longer])
    assert older.logprobs != pytest.approx(second.logprobs, abs=0.01)


def test_ratios_start_at_one(folder: Path, policy: TransformersPolicy) -> None:
    requests = [request(number, sampling=Sampling(0.7, 0.9)) for number in range(5)]
    learner = TransformersLM.load(str(folder)).eval()
    for generation in ask(policy, requests):
        ids = torch.tensor([generation.prompt_ids + generation.token_ids])
        with torch.no_grad():
            logits = learner.head(learner.hidden(ids, torch.tensor([ids.shape[1]]))[0])
        logits = logits[len(generation.prompt_ids) - 1 : -1]
        logprobs, _ = replay(logits, generation.token_ids, generation.support, 0.7)
        assert logprobs.tolist() == pytest.approx(generation.logprobs, abs=1e-5)


def test_scores(policy: TransformersPolicy) -> None:
    scores = asyncio.run(policy.score((5, 6, 7), (8, 9)))
    with torch.no_grad():
        logits = policy.model.model(torch.tensor([[5, 6, 7, 8, 9]])).logits[0].log_softmax(-1)
    assert scores == pytest.approx([logits[2, 8].item(), logits[3, 9].item()], abs=1e-5)


def test_a_template_that_appends_after_the_end(folder: Path, tmp_path: Path) -> None:
    """ChatML puts a line break after the end token, and a default system message in front."""
    chat = ChatCodec(load_tokenizer(with_template(folder, tmp_path, CHATML)), "chatml")
    opening = (Message("system", "s"), Message("user", "u"))
    said = (*chat.encode("go to drawer 1"), chat.end_id)
    reply = (Message("user", "You see."),)
    whole = chat.encode_prompt((*opening, Message("assistant", "go to drawer 1"), *reply))
    assert chat.encode_prompt(opening) + said + chat.encode_reply(reply, "stop") == whole
    assert chat.encode_prompt(opening) + said[:-1] + chat.encode_reply(reply, "length") == whole


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        (None, "has no chat template"),
        ("{% for m in messages %}{{ m['content'] }} {% endfor %}", "expected a special token"),
        ("{{ messages[0]['content'] }}", "shows the assistant's message 0 times"),
        (
            "{% for m in messages %}{{ m['content'] }}{{ m['content'] }}<|end|>{% endfor %}",
            "shows the assistant's message 2 times",
        ),
        ("{{ raise_exception('no roles here') }}", "refuses the roles user, assistant: no roles here"),
    ],
)
def test_a_template_that_cannot_be_cut_is_an_error(
    folder: Path, tmp_path: Path, template: str | None, reason: str
) -> None:
    with pytest.raises(PolicyError, match=reason):
        ChatCodec(load_tokenizer(with_template(folder, tmp_path, template)), "here")


def test_another_end_token_is_followed_by_the_templates_own(folder: Path, policy: TransformersPolicy) -> None:
    free = ask(policy, [request(2)])[0]
    other = free.token_ids[1]
    policy._chat.stop_ids = frozenset({other})
    cut = ask(policy, [request(2)])[0]
    assert cut.token_ids == (*free.token_ids[: free.token_ids.index(other) + 1], policy._chat.end_id)
    assert (cut.finish_reason, cut.support[-1]) == ("stop", (policy._chat.end_id,))


def test_an_admissible_action_that_names_a_control_token_is_said_as_text(policy: TransformersPolicy) -> None:
    action = "<|end|><|task|>go"
    said = ask(policy, [request(constraint="admissible", admissible=(action,), max_tokens=40)])[0]
    assert (said.text, said.finish_reason) == (action, "stop")
    assert said.token_ids.index(policy._chat.end_id) == len(said.token_ids) - 1


def test_the_policy_says_that_its_template_opens_a_thought(
    folder: Path, tmp_path: Path, policy: TransformersPolicy
) -> None:
    opening = CHATML.replace("assistant\n{% endif %}", "assistant\n<think>\n{% endif %}")
    assert policy.opens_thought is False
    assert TransformersPolicy(with_template(folder, tmp_path, opening), device="cpu").opens_thought is True


def test_what_cannot_be_loaded_is_named(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(CheckpointError, match="cannot load"):
        TransformersPolicy(str(tmp_path), device="cpu")
    with pytest.raises(UsageError, match="dtype 'float23'"):
        TransformersPolicy(str(folder), dtype="float23", device="cpu")
    with pytest.raises(UsageError, match="weights of another model"):
        TransformersPolicy(str(folder), device="cpu").update_weights({"x": torch.zeros(1)}, 1)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_bfloat16_on_an_accelerator(folder: Path) -> None:
    policy = TransformersPolicy(str(folder))
    assert next(policy.model.parameters()).dtype is torch.bfloat16
    requests = [request(number, constraint="admissible", admissible=ACTIONS) for number in range(5)]
    assert {generation.text for generation in ask(policy, requests)} <= set(ACTIONS)


@pytest.mark.parametrize("kind", ["demo", "Qwen2", "Qwen3", "Llama", "Gemma"])
def test_a_tokenizer_that_is_saved_splits_text_as_before(kind: str, tmp_path: Path) -> None:
    """Else a run that is resumed, or evaluated, reads other tokens than it learned from."""
    source = shipped_policy("demo") if kind == "demo" else write_model(kind, tmp_path / "model")
    config = (Path(str(source)) / "config.json").read_text()  # by whose type transformers may go
    first = load_tokenizer(str(source))
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text(config)
    save_tokenizer(first, tmp_path / "one")
    second = load_tokenizer(str(tmp_path / "one"))
    save_tokenizer(second, tmp_path / "two")
    third = load_tokenizer(str(tmp_path / "two"))
    text = "You're in a kitchen: go to desk 12,  then\n\ttake mug 3!"
    ids = first(text, add_special_tokens=False)["input_ids"]
    assert ids == second(text, add_special_tokens=False)["input_ids"]
    assert ids == third(text, add_special_tokens=False)["input_ids"]
    assert first.chat_template == third.chat_template


def test_a_tokenizer_that_would_be_read_otherwise_is_refused(tmp_path: Path) -> None:
    first = load_tokenizer(str(shipped_policy("demo")))
    save_tokenizer(first, tmp_path / "right")
    (tmp_path / "right" / "config.json").write_text('{"model_type": "qwen2"}')
    check_saved(first, tmp_path / "right")
    first.save_pretrained(tmp_path / "wrong")
    (tmp_path / "wrong" / "config.json").write_text('{"model_type": "qwen2"}')
    with pytest.raises(CheckpointError, match="is read again as a Qwen2Tokenizer, which splits"):
        check_saved(first, tmp_path / "wrong")


def test_a_tokenizer_that_is_missing_or_of_another_model_is_refused(tmp_path: Path) -> None:
    write_model("Qwen2", tmp_path / "model")
    small = model_of("Qwen2", vocab_size=40)
    small.save_pretrained(tmp_path / "small")
    for file in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        (tmp_path / "small" / file).write_bytes((tmp_path / "model" / file).read_bytes())
    with pytest.raises(CheckpointError, match=r"its tokenizer has \d+ tokens, the model 40; expected"):
        TransformersPolicy(str(tmp_path / "small"))
    for file in ("tokenizer.json", "tokenizer_config.json"):
        (tmp_path / "model" / file).unlink()
    with pytest.raises(CheckpointError, match=r"has no tokenizer in it; expected tokenizer\.json"):
        TransformersPolicy(str(tmp_path / "model"))
