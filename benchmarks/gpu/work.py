"""Models with random weights, and the work that is timed: rollouts and updates of many short turns."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
import torch
from bare import synthesise
from card import free_bytes
from trained import Size
from transformers import AutoModelForCausalLM, Qwen2Config

from turnwise.agents.decoding.loop import Job, prepare, run_jobs
from turnwise.agents.models import KeptRow, Rows, TransformersLM
from turnwise.agents.models.lora import Adapter, wrap
from turnwise.agents.types import Generation, GenerationRequest, Trajectory, Turn
from turnwise.trainers.fit.passes import Learned, Model, Pass
from turnwise.trainers.fit.shapes import config_of
from turnwise.trainers.learner.config import OptimConfig
from turnwise.trainers.learner.sequences import PackedBatch, pack
from turnwise.trainers.learner.update import Learner
from turnwise.trainers.objective_config import ObjectiveConfig
from turnwise.trainers.sections import PolicySection


@dataclass(frozen=True, slots=True)
class Scale:
    """How large everything is."""

    device: torch.device
    names: tuple[str, str]  # of the model that trains whole, and of that with an adapter
    rows: int  # of one forward pass of an update
    prompt: int  # tokens
    said: int
    slots: int  # rows of a rollout
    chunk: int
    rounds: int
    settings: int  # whose memory is measured
    training: Size  # that plays ahead of its learner

    @property
    def length(self) -> int:
        """Return the tokens of a sequence as the learner reads it: the last one said is not an input."""
        return self.prompt + self.said - 1

    def optim(self, **changes: Any) -> OptimConfig:
        """Return the settings of the learner."""
        lean: dict[str, Any] = {"head_chunk": self.chunk, "checkpointing": True, "learning_rate": 1e-6}
        size = self.rows * self.length
        return OptimConfig(
            **{**lean, **changes}, micro_tokens=size, mismatch_limit=1e9, spike_limit=1e9, skip_idle=False
        )

    def policy(self, *, adapter: bool = False, dtype: str = "bfloat16") -> PolicySection:
        """Return which model: its name stands for a shape that is known without its files."""
        name = self.names[adapter]
        return PolicySection(
            kind="transformers", checkpoint=name, dtype=dtype, lora_rank=16 if adapter else 0
        )


ROOM = 0.9  # of the free memory: what is more is not tried
_BELOW = [*(f"Qwen/Qwen2.5-{size}" for size in ("7B", "3B", "1.5B", "0.5B")), "small"]
FULL = Scale(
    torch.device("cuda"),
    ("Qwen/Qwen2.5-1.5B", "Qwen/Qwen2.5-7B"),
    rows=8,
    prompt=768,
    said=256,
    slots=64,
    chunk=256,
    rounds=3,
    settings=5,
    training=Size(width=1024, layers=12, groups=4, members=8, turns=3, said=24, updates=5),
)
SMALL = Scale(
    torch.device("cpu"),
    ("small", "small"),
    rows=2,
    prompt=20,
    said=12,
    slots=4,
    chunk=8,
    rounds=1,
    settings=1,
    training=Size(width=64, layers=2, groups=1, members=2, turns=2, said=8, updates=3),
)
_SMALL = Qwen2Config(
    hidden_size=64,
    intermediate_size=128,
    num_hidden_layers=3,
    num_attention_heads=4,
    num_key_value_heads=2,
    vocab_size=2000,
    max_position_embeddings=256,
    tie_word_embeddings=True,
)


def shape(policy: PolicySection) -> Any:
    """Return the configuration of a model, from what is published of it."""
    return _SMALL if policy.checkpoint == "small" else config_of(policy)


def model_of(policy: PolicySection, device: torch.device, **changes: Any) -> TransformersLM:
    """Make a model with random weights where it will run.

    Args:
        policy: which shape, dtype and adapter.
        device: where.
        changes: of its configuration.
    """
    config = shape(policy)
    values = {key: value for key, value in config.to_dict().items() if key != "layer_types"}  # of all layers
    config = type(config).from_dict({**values, **changes})
    torch.manual_seed(0)
    with device:
        made: Any = AutoModelForCausalLM
        lm = TransformersLM(made.from_config(config, dtype=getattr(torch, policy.dtype)))
        if policy.lora_rank:
            wrapped = wrap(lm.model, policy.lora_rank, policy.lora_alpha, policy.lora_targets)
            lm.adapter = Adapter(wrapped, policy.checkpoint, "random weights")
    return lm.to(device).eval()


@contextmanager
def emptied(device: torch.device) -> Iterator[None]:
    """Give back what was held, before and after."""
    _give_back(device)
    try:
        yield
    finally:
        _give_back(device)


def _give_back(device: torch.device) -> None:
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()


def episodes_of(scale: Scale, passes: int, vocabulary: int) -> list[Trajectory]:
    """Return turns of one length that fill so many forward passes."""
    return synthesise(passes * scale.rows, vocabulary, (scale.prompt, scale.prompt), scale.said)


def learner_of(lm: TransformersLM, optim: OptimConfig, entropy_coef: float = 0.001) -> Learner:
    """Return a learner of clipped PPO."""
    return Learner(lm, optim, ObjectiveConfig(entropy_coef=entropy_coef))


def learn(learner: Learner, episodes: Sequence[Trajectory], seed: int = 0) -> dict[str, float]:
    """Take one update, packing included."""
    batch = pack(list(episodes))
    return learner.update(batch, advantages(len(episodes), seed)[batch.row_N])


def advantages(number: int, seed: int = 0) -> np.ndarray:
    """Return one number for each turn."""
    return np.random.default_rng(seed).normal(size=number)


@cache
def expected(scale: Scale, policy: PolicySection, optim: OptimConfig) -> Learned:
    """Return what an update should hold."""
    return Model(shape(policy), policy).learned(Pass(scale.rows, scale.length, scale.said), optim)


def together(found: Learned, optim: OptimConfig) -> int:
    """Return how many bytes of it lie on the device."""
    moved = 0 if optim.adam == "offload" else found.copies + found.gradients + found.moments
    return found.weights + moved + found.activations + found.logits


def fits(scale: Scale, policy: PolicySection, optim: OptimConfig) -> bool:
    """Tell whether an update needs no more than there is."""
    return together(expected(scale, policy, optim), optim) <= ROOM * free_bytes(scale.device)


def largest(scale: Scale) -> Scale:
    """Return a scale with the largest models that the card has room for, down from those it names."""
    chosen: list[str] = []
    for adapter in (False, True):
        tried = _BELOW[_BELOW.index(scale.names[adapter]) :]
        named = [replace(scale, names=(name, name)) for name in tried]
        found = (each for each in named if fits(each, each.policy(adapter=adapter), each.optim()))
        chosen.append(next(found, named[-1]).names[0])
    return replace(scale, names=(chosen[0], chosen[1]))


class Mute:
    """A codec without text, for tokens that mean nothing; a message ends at its length."""

    end_id, stop_ids = -1, frozenset[int]()

    def encode(self, text: str) -> tuple[int, ...]:
        return ()

    def decode(self, ids: Sequence[int]) -> str:
        return ""

    def char_ends(self, ids: Sequence[int], text: str) -> tuple[int, ...]:
        return (0,) * len(ids)


def jobs_of(lm: TransformersLM, rows: int, prompt: int, said: int) -> list[Job]:
    """Return requests for messages of one length after random prompts."""
    rng, jobs = np.random.default_rng(1), []
    for row in range(rows):
        ids = tuple(rng.integers(5, lm.vocab_size, size=prompt).tolist())
        request = GenerationRequest(prompt_ids=ids, max_tokens=said, key=(0, row))
        jobs.append(prepare(request, ids, context_tokens=prompt + said, vocab_size=lm.vocab_size, trie=None))
    return jobs


def play(lm: TransformersLM, jobs: Sequence[Job]) -> list[Generation]:
    """Run a batch of requests through the engine of rollouts."""
    engine = Rows(lm.model, [KeptRow([], []) for _ in jobs], ())
    return run_jobs(engine, jobs, [job.prompt_ids for job in jobs], codec=Mute(), version=0)


def as_batch(generations: Sequence[Generation]) -> PackedBatch:
    """Return generations as turns of one batch."""
    return pack(
        [
            Trajectory("e", "t", 0, str(n), (Turn(0, "", "", "", 0.0, "", generation=each),), "terminated")
            for n, each in enumerate(generations)
        ]
    )
