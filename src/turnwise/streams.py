"""Every stream of random numbers that a run draws from its seed, each with a name of its own.

    rng(seed, Stream.TASKS, update)

A generator is keyed by a digest of the seed, the stream's name and its numbers, written
as a text that no other key gives. Handing the numbers to numpy as they are would not keep
streams apart: its SeedSequence takes [1, 2] and [1, 2, 0] for the same, and [2**32] for [0, 1].

Not here: an environment draws from the seed of its task (gymnasium's np_random), and the
tokens of a message from the message's key (see agents/decoding/randomness.py).
"""

from __future__ import annotations

import hashlib
from enum import Enum, unique

import numpy as np

from .errors import UsageError

__all__ = ["Stream", "mixed_seed", "rng", "torch_seed"]


@unique
class Stream(Enum):
    """A stream of random numbers; the numbers that tell its draws apart stand in brackets."""

    TASKS = "tasks"
    """Task seeds of an update [update]."""
    REFILLS = "refills"
    """Task seeds of a round of refilling [update, round]."""
    TASK_ORDER = "task order"
    """In which order a fixed set of tasks is visited [epoch]."""
    WORLDS = "worlds"
    """Which environment of a mixture each group plays [update, round]."""
    CHOOSERS = "choosers"
    """Which tasks a chooser takes [update, round, place of the environment]."""
    SAMPLERS = "samplers"
    """What a sampler draws of the groups of an update [update, place of the sampler]."""
    BRANCHES = "branches"
    """Whether an episode branches after a message [the key of the message without its seed]."""
    MINIBATCHES = "minibatches"
    """In which order an update learns its sequences [update, epoch]."""
    VALUE_BATCHES = "value batches"
    """In which order a value head learns its targets [fit, head]."""
    VALUE_WEIGHTS = "value weights"
    """The first weights of the value heads []."""
    POLICY_WEIGHTS = "policy weights"
    """The first weights of a new policy []."""
    LEARNER = "learner"
    """What torch itself draws while learning, as dropout does []."""
    DEMONSTRATIONS = "demonstrations"
    """Task seeds of the demonstrations []."""
    DEMONSTRATED_WORLDS = "demonstrated worlds"
    """Which environment of a mixture each demonstration plays []."""
    TEACHER = "teacher"
    """Slips and choices of a teacher; its seed is the task's []."""
    CLONING = "cloning"
    """In which order demonstrations are cloned []."""
    STORED = "stored"
    """In which order the groups of stored episodes are learned [epoch]."""
    PRACTICE = "practice"
    """Which tasks lessons are learned from [0], and in which order [1 + epoch]."""
    COPYING = "copying"
    """The exercises in copying []."""


def rng(seed: int, stream: Stream, *numbers: int) -> np.random.Generator:
    """Return a generator of its own for a seed, a stream and numbers.

    Raises:
        UsageError: if the seed or a number is no whole number.
    """
    return np.random.default_rng(int.from_bytes(_digest(seed, stream, numbers), "big"))


def torch_seed(seed: int, stream: Stream, *numbers: int) -> int:
    """Return the seed of a torch generator, of 63 bits.

    Raises:
        UsageError: if the seed or a number is no whole number.
    """
    return int.from_bytes(_digest(seed, stream, numbers)[:8], "big") >> 1


def mixed_seed(*parts: int) -> int:
    """Mix numbers into the seed of an environment, of 31 bits, the same on every machine."""
    text = ":".join(map(str, parts)).encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big") >> 33


def _digest(seed: int, stream: Stream, numbers: tuple[int, ...]) -> bytes:
    for number in (seed, *numbers):
        if isinstance(number, bool) or not isinstance(number, int | np.integer):
            raise UsageError(f"stream {stream.name}: {number!r} is no whole number")
    text = ":".join([stream.value, *map(str, (int(seed), *map(int, numbers)))])
    return hashlib.blake2b(text.encode(), digest_size=16).digest()
