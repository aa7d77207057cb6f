"""What a rollout costs through us beside vLLM alone, and what a sync and its probe take.

    OMP_NUM_THREADS=1 python benchmarks/vllm/run.py MODEL [--dtype bfloat16] [--out FILE]

One server, asked in turns by bare httpx on vLLM's own route for tokens, by our policy, and by a whole
rollout of one-turn episodes (environment, prompt, message, step): the same prompts in token ids, the same
number of tokens, all requests at once, no prefix in the cache. The ratios are of medians, of tokens a second
and, which other load disturbs less, of the CPU seconds of this process. Then weights are pushed, and what the
sync and its probe took is printed with a bare write and a bare load of the file.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import asdict
from functools import partial
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import httpx
import numpy as np
import torch

from turnwise import TextEnv, register
from turnwise.agents.models import TransformersLM
from turnwise.agents.policies.transformers import eos_ids, load_tokenizer
from turnwise.agents.policies.vllm.config import EngineConfig
from turnwise.agents.policies.vllm.engine import Asked
from turnwise.agents.policies.vllm.http import HttpEngine
from turnwise.agents.policies.vllm.policy import VllmPolicy
from turnwise.agents.policies.vllm.process import EngineProcess
from turnwise.agents.policies.vllm.wire import parameters
from turnwise.agents.prompts.chat_template import ChatCodec
from turnwise.agents.prompts.config import PromptConfig
from turnwise.agents.rollout.config import RolloutConfig, TaskItem
from turnwise.agents.rollout.rollout import rollout
from turnwise.agents.sampling import NEUTRAL, Sampling
from turnwise.agents.types import GenerationRequest
from turnwise.servers.client import connect
from turnwise.trainers.learner.probe import rehearse
from turnwise.trainers.sync.carriers import carrier_of
from turnwise.trainers.sync.engines import EngineSync

_SAID, _CONTEXT = 64, 512
_SAMPLING = Sampling(min_tokens=_SAID)  # every message has as many tokens
_SYLLABLES = [a + b for a in "bdfgklmnprst" for b in "aeiou"]
Prompts = list[tuple[int, ...]]


class Words(TextEnv):
    """An episode of one turn whose text is another for each seed."""

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[str, dict[str, Any]]:
        super().reset(seed=seed)
        return " ".join(str(word) for word in self.np_random.choice(_SYLLABLES, size=24)), {}

    def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        return "Thank you.", float(len(action)), True, False, {"won": True}


class Trial:
    """One server and the ways to ask it.

    Args:
        model: the learner's.
        source: its folder.
        url: of the server.
        process: the server, where it is ours.
        num_requests: asked at once.
    """

    def __init__(
        self, model: TransformersLM, source: str, url: str, process: EngineProcess | None, num_requests: int
    ) -> None:
        self.model, self.num_requests = model, num_requests
        self.url, self.process = url, process
        self.served = process.model if process else source
        self.engine = HttpEngine(url, EngineConfig(), self.served, process and process.transport())
        codec = ChatCodec(load_tokenizer(source), source, eos_ids(model.model))
        self.stops = (codec.end_id, *sorted(codec.stop_ids))
        self.policy = VllmPolicy(
            [self.engine], codec, name="vllm", context_tokens=_CONTEXT, vocab_size=model.vocab_size
        )
        self.prompts: Prompts = []

    async def bare(self) -> int:
        """Ask with nothing but httpx; return how many tokens were said."""
        transport = self.process.transport() if self.process else None
        async with httpx.AsyncClient(transport=transport, timeout=600.0, trust_env=False) as client:

            async def ask(prompt: tuple[int, ...]) -> int:
                sampling = parameters(Asked(prompt, _SAMPLING, _SAID, self.stops))
                body = {"model": self.served, "token_ids": prompt, "sampling_params": sampling}
                answer = await client.post(f"{self.url}/inference/v1/generate", json=body)
                return len(answer.json()["choices"][0]["token_ids"])

            return sum(await asyncio.gather(*map(ask, self.prompts)))

    async def policy_alone(self) -> int:
        """Ask through our policy."""
        requests = [
            GenerationRequest(prompt_ids=prompt, max_tokens=_SAID, sampling=_SAMPLING)
            for prompt in self.prompts
        ]
        said = await asyncio.gather(*map(self.policy.generate, requests))
        return sum(len(each.token_ids) for each in said)

    async def rollout(self) -> int:
        """Play an episode for each prompt."""
        tasks = [TaskItem("bench/words-v0", seed=seed) for seed in range(self.num_requests)]
        config = RolloutConfig(max_turns=1, max_tokens=_SAID, sampling=_SAMPLING, deterministic=False)
        async with aclosing(connect(None)) as client:
            found = await rollout(client, self.policy, tasks, config, prompt=PromptConfig())
        said = [turn.generation for each in found.trajectories for turn in each.turns]
        self.prompts = [each.prompt_ids for each in said]
        return sum(len(each.token_ids) for each in said)

    async def rates(self, rounds: int) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
        """Return the tokens a second of each way, and the CPU seconds of this process, in each round."""
        ways = (self.rollout, self.bare, self.policy_alone)
        rates: dict[str, list[float]] = {way.__name__: [] for way in ways}
        spent: dict[str, list[float]] = {way.__name__: [] for way in ways}
        for number in range(rounds + 1):
            for way in ways[number % 3 :] + ways[: number % 3]:
                await self.engine.reset_cache()
                begun = process_time()
                num_tokens, seconds = await clocked(way)
                if number:  # the first warms up
                    spent[way.__name__].append(process_time() - begun)
                    rates[way.__name__].append(num_tokens / seconds)
                    assert num_tokens == self.num_requests * _SAID, num_tokens
        return rates, spent

    async def syncs(self, num: int) -> dict[str, float]:
        """Return the medians of what a sync took, beside a bare write and load of the same weights."""
        with tempfile.TemporaryDirectory(dir="/dev/shm") as way:
            sync = EngineSync(self.model, self.policy, carrier_of(self.model), NEUTRAL, EngineConfig(), {})
            sync.allow(rehearse(self.model))  # as a run does: what its rounding explains
            reports = [asdict(await sync.push(version)) for version in range(num + 1)][1:]
            written, loaded = [], []
            for number in range(num):
                begun = perf_counter()
                self.model.save(Path(way) / str(number))
                written.append(perf_counter() - begun)
                loaded.append((await clocked(partial(self._load, Path(way) / str(number))))[1])
            sync.close()
        found = {key: statistics.median(report[key] for report in reports) for key in reports[0]}
        return found | {"bare_write_s": statistics.median(written), "bare_load_s": statistics.median(loaded)}

    async def _load(self, place: Path) -> int:
        await self.engine.load(str(place))
        return 0


async def clocked(work: Callable[[], Awaitable[int]]) -> tuple[int, float]:
    """Return what came of it, and how long it took."""
    begun = perf_counter()
    return await work(), perf_counter() - begun


async def measure(options: argparse.Namespace, process: EngineProcess | None) -> dict[str, Any]:
    model = TransformersLM.load(options.model, getattr(torch, options.dtype))
    trial = Trial(model, options.model, options.url or "http://engine", process, options.requests)
    rates, spent = await trial.rates(options.rounds)
    bare = statistics.median(rates["bare"])
    print(json.dumps(rates), flush=True)
    found = {
        "weights": sum(each.numel() for each in model.parameters()),
        "dtype": options.dtype,
        "requests": options.requests,
        "prompt_tokens": float(np.mean([len(prompt) for prompt in trial.prompts])),
        "tokens_per_s": {name: [round(rate, 1) for rate in found] for name, found in rates.items()},
        "own_cpu_s": {name: round(statistics.median(found), 3) for name, found in spent.items()},
        "of_bare": {
            name: round(statistics.median(found) / bare, 3) for name, found in rates.items() if name != "bare"
        },
        "sync": {name: round(value, 6) for name, value in (await trial.syncs(options.syncs)).items()},
        "load_average": os.getloadavg(),
    }
    await trial.policy.aclose()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--requests", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--syncs", type=int, default=5)
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--url", default="", help="a server of MODEL that runs already")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    if options.out:
        options.out.parent.mkdir(parents=True, exist_ok=True)
    register("bench/words-v0", Words)
    arguments = ["--dtype", options.dtype, "--max-model-len", str(_CONTEXT), "--max-num-seqs", "64"]
    arguments += ["--enforce-eager", "--block-size", "32"]
    process = None if options.url else EngineProcess(options.model, EngineConfig(), arguments)
    try:
        if process:
            process.start()
        shown = json.dumps(asyncio.run(measure(options, process)), indent=1)
    finally:
        if process:
            process.close()
    print(shown)
    if options.out:
        options.out.write_text(shown + "\n")


if __name__ == "__main__":
    main()
