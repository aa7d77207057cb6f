"""What a message costs through us beside vLLM alone, and what a sync and its probe take.

    OMP_NUM_THREADS=1 python benchmarks/vllm/run.py MODEL [--requests 64] [--rounds 3]

One server, asked in turns by bare httpx on vLLM's own route for tokens and by our policy: the same prompts,
the same number of tokens, all requests at once. The ratio is of medians. Then weights are pushed, and what
the sync and its probe took is printed with the time of one bare load of the same file.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import tempfile
from dataclasses import asdict
from pathlib import Path
from time import perf_counter

import httpx
import numpy as np

from turnwise.agents.models import TransformersLM
from turnwise.agents.policies.transformers import eos_ids, load_tokenizer
from turnwise.agents.policies.vllm.config import EngineConfig
from turnwise.agents.policies.vllm.engine import Asked
from turnwise.agents.policies.vllm.http import HttpEngine
from turnwise.agents.policies.vllm.policy import VllmPolicy
from turnwise.agents.policies.vllm.process import EngineProcess
from turnwise.agents.policies.vllm.wire import parameters
from turnwise.agents.prompts.chat_template import ChatCodec
from turnwise.agents.sampling import NEUTRAL
from turnwise.agents.types import GenerationRequest
from turnwise.trainers.sync.carriers import carrier_of
from turnwise.trainers.sync.engines import EngineSync

_PROMPT, _SAID, _CONTEXT = 68, 64, 512


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("--requests", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--dtype", default="float32")
    options = parser.parse_args()
    arguments = ["--dtype", options.dtype, "--max-model-len", str(_CONTEXT), "--max-num-seqs", "64"]
    process = EngineProcess(options.model, EngineConfig(), [*arguments, "--enforce-eager"])
    begun = perf_counter()
    process.start()
    print(f"server started in {perf_counter() - begun:.1f} s")
    try:
        print(json.dumps(asyncio.run(measure(options, process)), indent=2))
    finally:
        process.close()


async def measure(options: argparse.Namespace, process: EngineProcess) -> dict[str, object]:
    import torch

    model = TransformersLM.load(options.model, getattr(torch, options.dtype))
    engine = HttpEngine("http://engine", EngineConfig(), process.model, process.transport())
    codec = ChatCodec(load_tokenizer(options.model), options.model, eos_ids(model.model))
    policy = VllmPolicy([engine], codec, name="vllm", context_tokens=_CONTEXT, vocab_size=model.vocab_size)
    rng = np.random.default_rng(0)
    bare, ours = [], []
    for round_ in range(options.rounds + 1):
        prompts = [
            tuple(rng.integers(model.vocab_size, size=_PROMPT).tolist()) for _ in range(options.requests)
        ]
        others = [tuple(reversed(prompt)) for prompt in prompts]  # nothing of them is cached
        found = await alone(process, prompts, codec), await through_us(policy, others)
        if round_:  # the first warms up
            bare.append(found[0])
            ours.append(found[1])
    with tempfile.TemporaryDirectory() as way:
        sync = EngineSync(model, policy, carrier_of(model, way), NEUTRAL, EngineConfig(), {})
        reports = [asdict(await sync.push(version)) for version in range(options.rounds + 1)][1:]
        place = Path(next(iter(sorted(sync._carrier.folder.iterdir()))))
        begun = perf_counter()
        await engine.load(str(place))
        load_s = perf_counter() - begun
        await policy.aclose()
    return {
        "weights": sum(each.numel() for each in model.parameters()),
        "tokens_per_s_bare": statistics.median(bare),
        "tokens_per_s_ours": statistics.median(ours),
        "ratio": statistics.median(ours) / statistics.median(bare),
        "sync": {key: statistics.median(report[key] for report in reports) for key in reports[0]},
        "bare_load_s": load_s,
    }


async def alone(process: EngineProcess, prompts: list[tuple[int, ...]], codec: ChatCodec) -> float:
    """Return tokens a second of bare requests."""
    stops = (codec.end_id, *sorted(codec.stop_ids))
    async with httpx.AsyncClient(transport=process.transport(), timeout=600.0) as client:

        async def ask(prompt: tuple[int, ...]) -> int:
            sampling = parameters(Asked(prompt, NEUTRAL, _SAID, stops))
            body = {"model": process.model, "token_ids": prompt, "sampling_params": sampling}
            answer = await client.post("http://engine/inference/v1/generate", json=body)
            return len(answer.json()["choices"][0]["token_ids"])

        begun = perf_counter()
        return sum(await asyncio.gather(*map(ask, prompts))) / (perf_counter() - begun)


async def through_us(policy: VllmPolicy, prompts: list[tuple[int, ...]]) -> float:
    """Return tokens a second of our policy."""
    begun = perf_counter()
    requests = [GenerationRequest(prompt_ids=prompt, max_tokens=_SAID) for prompt in prompts]
    said = await asyncio.gather(*map(policy.generate, requests))
    return sum(len(each.token_ids) for each in said) / (perf_counter() - begun)


if __name__ == "__main__":
    main()
