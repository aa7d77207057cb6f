"""Weights that come while messages are under way: tokens bear those that said them, stale ones are found."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from turnwise.agents.decoding import SamplingRows, sample
from turnwise.agents.decoding.scoring import score_continuations
from turnwise.agents.models import TransformersLM
from turnwise.agents.policies.transformers import eos_ids, load_tokenizer
from turnwise.agents.policies.vllm.config import EngineConfig
from turnwise.agents.policies.vllm.engine import Said
from turnwise.agents.policies.vllm.policy import VllmPolicy
from turnwise.agents.prompts.chat_template import ChatCodec
from turnwise.agents.prompts.config import PromptConfig
from turnwise.agents.sampling import Sampling
from turnwise.agents.types import GenerationRequest, VersionSpan
from turnwise.errors import TrainingError
from turnwise.trainers.policies import load_trained
from turnwise.trainers.sections import PolicySection, RolloutSection
from turnwise.trainers.sync.carriers import carrier_of
from turnwise.trainers.sync.engines import EngineSync


def learn(model: Any) -> None:
    """Move every weight."""
    with torch.no_grad():
        for weight in model.parameters():
            weight += 0.05 * torch.randn(weight.shape, generator=torch.Generator().manual_seed(7))


@pytest.fixture
def slow(fake_engine: Any, chat_model: Path) -> Callable[[], Any]:
    """Return a maker of an engine that says a token each time it is let, under the weights of then."""
    base: Any = fake_engine

    class Slow(base):
        def __init__(self, folder: Path) -> None:
            super().__init__(folder)
            self.may_speak = asyncio.Semaphore(0)

        async def generate(self, asked: Any) -> Said:
            if asked.max_tokens != 6:  # of a probe
                return await super().generate(asked)
            ids, logprobs, spans = list(asked.prompt_ids), list[float](), list[tuple[str, int, int]]()
            for place in range(asked.max_tokens):
                await self.may_speak.acquire()
                await self._running.wait()
                with torch.inference_mode():
                    hidden_BLD = self.model.hidden(torch.tensor([ids]), torch.tensor([len(ids)]))
                    rows = SamplingRows([asked.sampling], self._rng.random(1), [None])
                    drawn = sample(self.model.head(hidden_BLD[:, -1]), rows)
                ids.append(drawn.tokens[0])
                logprobs.append(drawn.logprobs[0])
                spans.append((self.version, place, place + 1))
            return Said(tuple(ids[len(asked.prompt_ids) :]), tuple(logprobs), "length", tuple(spans))

    return lambda: Slow(chat_model)


def test_weights_come_in_the_middle_of_a_message_and_its_tokens_tell(
    slow: Callable[[], Any], chat_model: Path, tmp_path: Path
) -> None:
    async def inside() -> None:
        model, engine = TransformersLM.load(str(chat_model)), slow()
        codec = ChatCodec(load_tokenizer(str(chat_model)), str(chat_model), eos_ids(model.model))
        policy = VllmPolicy([engine], codec, name="fake", context_tokens=256, vocab_size=model.vocab_size)
        carrier = carrier_of(model, str(tmp_path / "way"))
        sync = EngineSync(model, policy, carrier, Sampling(), EngineConfig(), {})
        await sync.push(0)
        prompt = (5, 6, 7)
        saying = asyncio.create_task(policy.generate(GenerationRequest(prompt_ids=prompt, max_tokens=6)))
        for _ in range(2):
            engine.may_speak.release()
        while engine.may_speak._value:
            await asyncio.sleep(0)
        learn(model)
        await sync.push(1)
        assert not saying.done()
        for _ in range(4):
            engine.may_speak.release()
        said = await saying
        spans = [(span.version, span.start, span.end) for span in said.versions]
        assert [version for version, _, _ in spans] == [0, 0, 1, 1, 1, 1]
        rest = score_continuations(model, [((*prompt, *said.token_ids[:2]), said.token_ids[2:6])])[0]
        assert said.logprobs[2:6] == pytest.approx(rest, abs=1e-5)
        mine = score_continuations(model, [(prompt, said.token_ids[:2])])[0]
        assert max(abs(a - b) for a, b in zip(mine, said.logprobs[:2], strict=True)) > 1e-3
        sync.close()

    asyncio.run(inside())


def test_a_message_of_an_engine_that_does_not_tell_bears_the_weights_it_was_begun_with(
    slow: Callable[[], Any], chat_model: Path
) -> None:
    async def inside() -> None:
        engine = slow()
        codec = ChatCodec(load_tokenizer(str(chat_model)), str(chat_model), eos_ids(engine.model.model))
        policy = VllmPolicy(
            [engine], codec, name="fake", context_tokens=256, vocab_size=engine.model.vocab_size
        )
        saying = asyncio.create_task(policy.generate(GenerationRequest(prompt_ids=(5, 6), max_tokens=6)))
        await asyncio.sleep(0.01)
        policy.version = 3
        for _ in range(6):
            engine.may_speak.release()
        assert (await saying).versions == (VersionSpan(0, 0, 6),)  # no label was given, so none is trusted

    asyncio.run(inside())


def test_a_language_model_in_this_process_samples_with_a_copy(chat_model: Path) -> None:
    asked = PolicySection(kind="transformers"), PromptConfig(), RolloutSection(slots=4)

    def first(model: Any) -> int:
        return int(next(iter(model.parameters())).data_ptr())

    shared = load_trained(str(chat_model), *asked)
    apart = load_trained(str(chat_model), *asked, apart=True)
    policy: Any = apart.policy
    assert first(shared.model) == first(vars(shared.policy)["model"])
    assert first(apart.model) != first(policy.model)

    async def inside() -> None:
        await apart.sync.push(0)
        request = GenerationRequest(prompt_ids=(5, 6, 7), max_tokens=3, key=(1,))
        before = await policy.generate(request)
        learn(apart.model)
        assert (await policy.generate(request)).logprobs == before.logprobs
        report = await apart.sync.push(1)
        assert 0.0 <= report.mean_nats <= report.worst_nats < 1e-4 and report.probe_seconds < report.seconds
        after = await policy.generate(request)
        assert after.logprobs != before.logprobs and {span.version for span in after.versions} == {1}
        assert await policy.score((5, 6, 7), after.token_ids) == pytest.approx(after.logprobs, abs=1e-5)

        class Kept(OrderedDict[Any, Any]):
            def clear(self) -> None:
                """Keep keys and values of older weights: the fault."""

        policy._own._caches = Kept()
        learn(apart.model)
        with pytest.raises(TrainingError, match=r"sync of version 2: .* keys and values of older weights"):
            await apart.sync.push(2)
        await policy.aclose()

    asyncio.run(inside())
