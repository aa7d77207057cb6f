"""How a batch becomes an update: the [optim] and [critic] of a recipe. Needs no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ...errors import UsageError

__all__ = ["CriticConfig", "OptimConfig"]

_SCHEDULES = ("constant", "linear", "cosine")


@dataclass(frozen=True, slots=True)
class OptimConfig:
    """The optimizer, the cut of a batch into steps, and the limits that stop a run ([optim]).

    Raises:
        UsageError: if a number is out of its range, or a word is not one of those known.
    """

    learning_rate: float = 3e-4
    betas: tuple[float, float] = (0.9, 0.95)  # of AdamW
    adam_epsilon: float = 1e-8
    weight_decay: float = 0.0
    max_grad_norm: float = 1.0  # longer gradients are cut to it; 0: no limit
    schedule: Literal["constant", "linear", "cosine"] = "constant"  # down to 0 at train.num_updates
    warmup_updates: int = 0  # over which the learning rate rises
    num_minibatches: int = 1  # optimizer steps an epoch
    num_epochs: int = 1  # passes over a batch
    micro_tokens: int = 4096  # padded size of one forward pass
    skip_idle: bool = True  # leave out sequences whose gradient is exactly 0
    old_logprobs: Literal["behaviour", "recompute"] = "recompute"  # the old policy of the ratio
    one_engine: bool = True  # the policy that samples and the learner share weights and arithmetic
    ratio_tolerance: float = 1e-5  # |new/behaviour - 1| on the first update, float32 or better, one engine
    mismatch_limit: float = 0.1  # nats a token (k3), between engine and learner
    spike_limit: float = 3.0  # mean |log new/old| of a mini-batch, in nats a token, that stops the run

    def __post_init__(self) -> None:
        for name in ("learning_rate", "num_minibatches", "num_epochs", "micro_tokens"):
            _positive("optim", name, getattr(self, name))
        for name in ("spike_limit", "mismatch_limit"):
            _positive("optim", name, getattr(self, name))
        if len(self.betas) != 2:
            raise UsageError(f"optim.betas is {list(self.betas)}; expected two numbers, e.g. [0.9, 0.95]")
        if self.schedule not in _SCHEDULES:
            raise UsageError(f"optim.schedule is {self.schedule!r}; expected constant, linear or cosine")
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

    heads: tuple[str, ...] = ()  # NAME or NAME@PLACE; empty: those of [credit] name
    width: int = 64  # hidden units of a head
    learning_rate: float = 1e-3
    num_epochs: int = 8  # over each batch
    batch_size: int = 256  # targets a step
    tau: float = 0.1  # how fast the slow copies of twin critics follow; 1: at once

    def __post_init__(self) -> None:
        for name in ("width", "num_epochs", "batch_size", "learning_rate"):
            _positive("critic", name, getattr(self, name))
        if not 0 < self.tau <= 1:
            raise UsageError(f"critic.tau is {self.tau}; expected a number over 0 and at most 1")


def _positive(section: str, name: str, given: float) -> None:
    if not given > 0:
        raise UsageError(f"{section}.{name} is {given}; expected a positive number")
