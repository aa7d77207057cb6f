"""Measure the learner on a Qwen2 in bfloat16 against a bare PyTorch loop at the same memory settings.

    python benchmarks/learner/qwen2.py [--turns 32] [--rounds 5] [--markdown FILE]

The work: one optimizer step of clipped PPO on turns that are sequences of their own (a prompt and a
message), free decoding, vocabulary 20 000, 12 million parameters, weights in bfloat16 with copies and
gradients in float32, layers computed again in the backward pass, logits in chunks of 256 targets, one
thread. The bare loop is what one would write by hand for this shape alone, with transformers' own
checkpointing; it computes the entropy too, which every log shows. The learner's time includes packing,
old logprobs, aggregation weights, guards and log. CPU seconds of the process, in turn; the ratio is that
of the medians.
"""

from __future__ import annotations

import argparse
import copy
import datetime
import platform
import statistics
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.checkpoint import checkpoint
from transformers import Qwen2Config, Qwen2ForCausalLM

from turnwise.agents.models import TransformersLM
from turnwise.agents.types import Generation, Trajectory, Turn
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


def synthesise(num_turns: int) -> list[Trajectory]:
    """Make trajectories of one turn: a prompt of 100 to 200 tokens and a message of 48."""
    rng = np.random.default_rng(0)
    made = []
    for number in range(num_turns):
        prompt = tuple(rng.integers(5, VOCAB, size=int(rng.integers(100, 201))).tolist())
        tokens = tuple(rng.integers(5, VOCAB, size=SAID).tolist())
        generation = Generation("", prompt, tokens, (-10.0,) * SAID)
        turn = Turn(0, "", "", "", 0.0, "", generation=generation)
        made.append(Trajectory("e", "t", 0, str(number), (turn,), "terminated"))
    return made


class Bare:
    """The loop that one would write by hand."""

    def __init__(self, model: Any) -> None:
        self.model = model
        model.activation_checkpointing_enable({"use_reentrant": False})
        model.train()
        self.masters = [torch.nn.Parameter(weight.detach().float()) for weight in model.parameters()]
        self.optimizer = torch.optim.AdamW(
            self.masters, lr=RATE, betas=(0.9, 0.95), weight_decay=0.0, fused=True
        )

    def step(self, episodes: list[Trajectory], advantages: np.ndarray) -> None:
        rows = []
        for episode, advantage in zip(episodes, advantages, strict=True):
            g = episode.turns[0].generation
            rows.append(([*g.prompt_ids, *g.token_ids[:-1]], g.token_ids, float(advantage)))
        rows.sort(key=lambda row: -len(row[0]))
        num = sum(len(tokens) for _, tokens, _ in rows)
        while rows:
            size = max(1, MICRO_TOKENS // len(rows[0][0]))
            part, rows = rows[:size], rows[size:]
            self.backward(part, num)
            with torch.no_grad():
                for weight, master in zip(self.model.parameters(), self.masters, strict=True):
                    if master.grad is None:
                        master.grad = weight.grad.float()
                    else:
                        master.grad += weight.grad
                    weight.grad = None
        torch.nn.utils.clip_grad_norm_(self.masters, 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        with torch.no_grad():
            for weight, master in zip(self.model.parameters(), self.masters, strict=True):
                weight.copy_(master)

    def backward(self, part: list[Any], num: int) -> None:
        width = len(part[0][0])
        ids = torch.tensor([ids + [0] * (width - len(ids)) for ids, _, _ in part])
        mask = torch.tensor([[1] * len(ids) + [0] * (width - len(ids)) for ids, _, _ in part])
        hidden = self.model.model(input_ids=ids, attention_mask=mask, use_cache=False).last_hidden_state
        chosen = torch.cat([hidden[b, len(ids) - SAID : len(ids)] for b, (ids, _, _) in enumerate(part)])
        tokens = torch.tensor([token for _, said, _ in part for token in said])
        found = [
            checkpoint(self.said, chosen[i : i + CHUNK], tokens[i : i + CHUNK], use_reentrant=False)
            for i in range(0, len(tokens), CHUNK)
        ]
        logp = torch.cat([each[0] for each in found])
        advantage = torch.tensor([value for _, said, value in part for _ in said])
        ratio = (logp - logp.detach()).exp()
        loss = -torch.min(ratio * advantage, ratio.clamp(0.8, 1.2) * advantage).sum() / num
        loss.backward()

    def said(self, hidden: torch.Tensor, tokens: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        logps = self.model.lm_head(hidden).float().log_softmax(-1)
        return logps.gather(1, tokens[:, None])[:, 0], -(logps.exp() * logps).sum(-1)


def measure(num_turns: int, rounds: int) -> dict[str, float]:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    model = Qwen2ForCausalLM(Qwen2Config(**SIZES)).to(torch.bfloat16)
    episodes = synthesise(num_turns)
    advantages = np.random.default_rng(1).normal(size=num_turns)
    bare, twin = Bare(copy.deepcopy(model)), TransformersLM(copy.deepcopy(model)).eval()
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
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--turns", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--markdown", type=Path)
    given = parser.parse_args()
    text = report(measure(given.turns, given.rounds), given.turns, given.rounds)
    print(text)
    if given.markdown:
        given.markdown.parent.mkdir(parents=True, exist_ok=True)
        given.markdown.write_text(text)
