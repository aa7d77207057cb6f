"""How a batch becomes an update: the [optim] and [critic] of a recipe. Needs no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from ...errors import UsageError
from ...settings import Setting

_SCHEDULES = ("constant", "linear", "cosine")


@dataclass(frozen=True, slots=True)
class OptimConfig:
    """The optimizer, the cut of a batch into steps, and the limits that stop a run ([optim]).

    Raises:
        UsageError: if a number is out of its range, or a word is not one of those known.
    """

    learning_rate: Annotated[float, Setting("Of AdamW, at its highest.")] = 3e-4
    betas: Annotated[tuple[float, float], Setting("Of AdamW.")] = (0.9, 0.95)
    adam_epsilon: Annotated[float, Setting("Of AdamW.")] = 1e-8
    weight_decay: Annotated[float, Setting("Of AdamW.")] = 0.0
    max_grad_norm: Annotated[float, Setting("A longer gradient is cut to it; 0: no limit.")] = 1.0
    schedule: Annotated[
        Literal["constant", "linear", "cosine"], Setting("The learning rate; down to 0 at train.num_updates.")
    ] = "constant"
    warmup_updates: Annotated[int, Setting("Updates over which the learning rate rises.")] = 0
    num_minibatches: Annotated[int, Setting("Optimizer steps an epoch.")] = 1
    num_epochs: Annotated[int, Setting("Passes over a batch.")] = 1
    micro_tokens: Annotated[int, Setting("Padded tokens of one forward pass.")] = 4096
    head_chunk: Annotated[
        int, Setting("Targets whose logits exist at once; 0: all of a forward pass.", least=0)
    ] = 0
    checkpointing: Annotated[
        bool,
        Setting("Compute layers again in the backward pass, instead of keeping them (transformers)."),
    ] = False
    master: Annotated[
        Literal["float32", "none"],
        Setting("What the optimizer moves where the weights have 16 bits: a copy in float32, or they."),
    ] = "float32"
    adam: Annotated[
        Literal["fused", "offload"],
        Setting("Where AdamW steps: on the device, or on the CPU, with all that it keeps there."),
    ] = "fused"
    skip_idle: Annotated[bool, Setting("Leave out sequences whose gradient is exactly 0.")] = True
    scale_to_signal: Annotated[
        bool,
        Setting("Shorten a step to its signal, where nothing but advantages teaches."),
    ] = True
    signal: Annotated[
        Literal["count", "size"],
        Setting(
            "Of a step: the share of its tokens with an advantage, or the mean size of their advantages "
            "beside the largest mean of a batch so far."
        ),
    ] = "count"
    old_logprobs: Annotated[
        Literal["behaviour", "recompute"],
        Setting("The old policy of the ratio: the engine that sampled, or the learner before the batch."),
    ] = "recompute"
    mismatch_limit: Annotated[float, Setting("Nats a token (k3) between engine and learner, at most.")] = 0.1
    spike_limit: Annotated[
        float, Setting("Mean |log new/old| of a mini-batch, in nats a token, at most.")
    ] = 3.0

    def __post_init__(self) -> None:
        for name in ("learning_rate", "num_minibatches", "num_epochs", "micro_tokens", "spike_limit"):
            _positive("optim", name, getattr(self, name))
        _positive("optim", "mismatch_limit", self.mismatch_limit)
        if len(self.betas) != 2:
            raise UsageError(f"optim.betas is {list(self.betas)}; expected two numbers, e.g. [0.9, 0.95]")
        if self.schedule not in _SCHEDULES:
            raise UsageError(f"optim.schedule is {self.schedule!r}; expected constant, linear or cosine")
        if self.signal not in ("count", "size"):
            raise UsageError(f"optim.signal is {self.signal!r}; expected count or size")
        if self.old_logprobs not in ("behaviour", "recompute"):
            raise UsageError(
                f"optim.old_logprobs is {self.old_logprobs!r}; expected behaviour (one engine, on-policy) "
                "or recompute"
            )


@dataclass(frozen=True, slots=True)
class CriticConfig:
    """The value heads of methods that need them, and how they learn ([critic]).

    Raises:
        UsageError: if a number is out of its range.
    """

    heads: Annotated[
        tuple[str, ...], Setting("NAME or NAME@PLACE; by default those of the credit estimator.")
    ] = ()
    width: Annotated[int, Setting("Hidden units of a head.")] = 64
    learning_rate: Annotated[float, Setting("Of AdamW.")] = 1e-3
    num_epochs: Annotated[int, Setting("Passes over each batch.")] = 8
    batch_size: Annotated[int, Setting("Targets a step.")] = 256
    first_updates: Annotated[
        int, Setting("Updates at the start in which heads learn alone, and the policy stands still.", least=0)
    ] = 0
    tau: Annotated[float, Setting("How fast the slow copies of twin critics follow; 1: at once.")] = 0.1

    def __post_init__(self) -> None:
        for name in ("width", "num_epochs", "batch_size", "learning_rate"):
            _positive("critic", name, getattr(self, name))
        if not 0 < self.tau <= 1:
            raise UsageError(f"critic.tau is {self.tau}; expected a number over 0 and at most 1")


def _positive(section: str, name: str, given: float) -> None:
    if not given > 0:
        raise UsageError(f"{section}.{name} is {given}; expected a positive number")
