"""An engine that is no vLLM: the same answers from a model in this process, with faults to plant."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from turnwise.agents.decoding import SamplingRows, sample
from turnwise.agents.decoding.scoring import score_continuations
from turnwise.agents.models import TransformersLM
from turnwise.agents.policies.transformers import eos_ids, load_tokenizer
from turnwise.agents.policies.vllm.engine import Asked, Engine, EngineGone, EngineRefused, Facts, Said
from turnwise.agents.prompts.chat_template import ChatCodec
from turnwise.agents.sampling import Sampling
from turnwise.agents.types import Message


class FakeEngine(Engine):
    """An engine with a cache of prefixes: what it holds was computed with the weights of that time."""

    name = "a fake engine"

    def __init__(self, folder: Path, fault: str = "") -> None:
        self.model = TransformersLM.load(str(folder))
        self.codec = ChatCodec(load_tokenizer(str(folder)), str(folder), eos_ids(self.model.model))
        self.fault, self.version, self.calls = fault, "default", list[str]()
        self._held: dict[tuple[int, ...], TransformersLM] = {}
        self._running = asyncio.Event()
        self._running.set()
        self._rng = np.random.default_rng(0)
        self._first, self.gone = self.model, False
        self.deaths: list[str] = []  # the calls at which it dies, in this order

    def started_anew(self) -> None:
        """Be a new process: with the weights of its folder, holding nothing, not paused."""
        self.model, self.version = self._first, "default"
        self._held.clear()
        self._running.set()

    async def generate(self, asked: Asked) -> Said:
        self._note("generate")
        await self._running.wait()
        prefix = asked.prompt_ids[:128]
        model = self._held.setdefault(prefix, self.model) if len(prefix) == 128 else self.model
        sampling = Sampling(top_p=0.8) if self.fault == "top_p" else asked.sampling
        ids, logprobs = list(asked.prompt_ids), list[float]()
        with torch.inference_mode():
            while len(logprobs) < asked.max_tokens and not (logprobs and ids[-1] in asked.stop_ids):
                hidden_BLD = model.hidden(torch.tensor([ids]), torch.tensor([len(ids)]))
                drawn = sample(
                    model.head(hidden_BLD[:, -1]), SamplingRows([sampling], self._rng.random(1), [None])
                )
                ids.append(drawn.tokens[0])
                logprobs.append(drawn.logprobs[0])
        said = tuple(ids[len(asked.prompt_ids) :])
        finish = "stop" if said[-1] in asked.stop_ids else "length"
        return Said(said, tuple(logprobs), finish, ((self.version, 0, len(said)),))

    async def score(self, ids: Sequence[int], start: int) -> tuple[float, ...]:
        return score_continuations(self.model, [(tuple(ids[:start]), tuple(ids[start:]))])[0]

    async def facts(self) -> Facts:
        return Facts("fake", self.model.context_tokens, self.version)

    async def render(self, messages: Sequence[Message]) -> tuple[int, ...]:
        return self.codec.encode_prompt(messages)[self.fault == "template" :]

    async def pause(self) -> None:
        self._note("pause")
        self._running.clear()

    async def resume(self) -> None:
        self._note("resume")
        self._running.set()

    async def load(self, folder: str) -> None:
        self._note("load")
        state = load_file(Path(folder) / "model.safetensors")
        former, self.model = self.model, copy.deepcopy(self.model)
        try:
            self.model.model.load_state_dict(state, strict=False)
        except RuntimeError as error:
            raise EngineRefused(f"weights of another shape: {error}") from error
        layer = self.model.model.model.layers[1].mlp.up_proj
        with torch.no_grad():
            if self.fault == "matrix":
                layer.weight.mul_(1.5)
            if self.fault == "head":
                stale = former.model.lm_head.weight.detach().clone()
                self.model.model.lm_head.weight = torch.nn.Parameter(stale)

    async def load_adapter(self, name: str, folder: str) -> None:
        raise EngineRefused("a fake engine has no adapters")

    async def set_version(self, name: str) -> None:
        self._note("set_version")
        self.version = self.version if self.fault == "version" else name

    async def reset_cache(self) -> None:
        self._note("reset_cache")
        if self.fault != "prefix":
            self._held.clear()

    def _note(self, call: str) -> None:
        if self.deaths[:1] == [call]:
            del self.deaths[0]
            self.gone = True
        if self.gone:
            raise EngineGone(f"{self.name}: does not answer to {call}")
        self.calls.append(call)


@pytest.fixture
def fake_engine() -> type[FakeEngine]:
    return FakeEngine
