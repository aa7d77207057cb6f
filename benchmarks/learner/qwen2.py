"""Measure the learner on a Qwen2 in bfloat16 against a bare PyTorch loop at the same memory settings.

    python benchmarks/learner/qwen2.py [--turns 32] [--rounds 5] [--markdown FILE]

The work: one optimizer step of clipped PPO on turns that are sequences of their own (a prompt and a
message), free decoding, vocabulary 20 000, 12 million parameters, weights in bfloat16 with copies and
gradients in float32, layers computed again in the backward pass, logits in chunks of 256 targets, one
thread. The bare loop is in benchmarks/learner/bare.py. The learner's time includes packing, old logprobs,
aggregation weights, guards and log. CPU seconds of the process, in turn; the ratio is that of the medians.
"""

from __future__ import annotations

import copy
import datetime
import platform
import statistics
import time
from functools import partial
from typing import Any

import numpy as np
import page
import torch
from bare import Bare, synthesise
from transformers import Qwen2Config, Qwen2ForCausalLM

from turnwise.agents.models import TransformersLM
from turnwise.agents.types import Trajectory
from turnwise.trainers.learner.config import OptimConfig
from turnwise.trainers.learner.sequences import pack
from turnwise.trainers.learner.update import Learner
from turnwise.trainers.objective_config import ObjectiveConfig

VOCAB, SAID, CHUNK, MICRO_TOKENS, RATE = 20_000, 48, 256, 2048, 1e-5
SIZES: dict[str, Any] = {
    "vocab_size": VOCAB,
    "hidden_size": 320,
    "intermediate_size": 1024,
    "num_hidden_layers": 5,
    "num_attention_heads": 5,
    "num_key_value_heads": 1,
    "max_position_embeddings": 1024,
    "tie_word_embeddings": True,
}


def measure(num_turns: int, rounds: int) -> dict[str, float]:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    model = Qwen2ForCausalLM(Qwen2Config(**SIZES)).to(torch.bfloat16)
    episodes = synthesise(num_turns, VOCAB, (100, 200), SAID)
    advantages = np.random.default_rng(1).normal(size=num_turns)
    bare = Bare(copy.deepcopy(model), rate=RATE, micro_tokens=MICRO_TOKENS, chunk=CHUNK)
    twin = TransformersLM(copy.deepcopy(model)).eval()
    config = OptimConfig(
        learning_rate=RATE,
        micro_tokens=MICRO_TOKENS,
        head_chunk=CHUNK,
        checkpointing=True,
        mismatch_limit=1e9,
    )
    learner = Learner(twin, config, ObjectiveConfig())
    loops = {
        "bare": partial(bare.step, episodes, advantages),
        "learner": partial(learn, learner, episodes, advantages),
    }
    times: dict[str, list[float]] = {name: [] for name in loops}
    for _ in range(rounds + 1):
        for name, step in loops.items():
            started = time.process_time()
            step()
            times[name].append(time.process_time() - started)
    copies = learner.descent.copies
    assert copies is not None
    apart = max(
        float((a - b).detach().abs().max()) for a, b in zip(bare.masters, copies.parameters, strict=True)
    )
    median = {name: statistics.median(values[1:]) for name, values in times.items()}
    return {
        "tokens": pack(episodes).num_tokens,
        "bare_s": median["bare"],
        "learner_s": median["learner"],
        "ratio": median["learner"] / median["bare"],
        "apart": apart / (RATE * (rounds + 1)),
    }


def learn(learner: Learner, episodes: list[Trajectory], advantages: np.ndarray) -> None:
    batch = pack(episodes)
    learner.update(batch, advantages[batch.row_N])


def report(found: dict[str, float], num_turns: int, rounds: int) -> str:
    day = datetime.datetime.now(datetime.UTC).date().isoformat()
    return f"""# Learner speed on a Qwen2 in bfloat16

{day}, `python benchmarks/learner/qwen2.py --turns {num_turns} --rounds {rounds}`, torch {torch.__version__},
{platform.machine()}, one thread, CPU seconds of the process, median of {rounds}. Weights in bfloat16 with
float32 copies, layers computed again, logits in chunks of {CHUNK}; {found["tokens"]:.0f} tokens a step.

| | CPU s a step | tokens a CPU second |
|---|---|---|
| bare PyTorch loop | {found["bare_s"]:.3f} | {found["tokens"] / found["bare_s"]:.0f} |
| learner | {found["learner_s"]:.3f} | {found["tokens"] / found["learner_s"]:.0f} |

Ratio learner / bare loop: **{found["ratio"]:.3f}**. After all steps the float32 weights of both differ by at
most {found["apart"]:.2g} of the way that Adam may have gone.
"""


if __name__ == "__main__":
    page.run(__doc__, "turns", 32, measure, report)
