"""Play a policy on from any state: forks of the environment and of the policy's memory.

A state of a policy with memory is a pair: the environment (its clone, turns left
included) and what the policy remembers of the episode so far. Forks of a
situation share nothing with it, and each has random numbers of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

__all__ = ["Mind", "Situation", "Step", "World", "play_out", "returns_from"]


class World(Protocol):
    """An environment that can be cloned: TextEnv, or its checked wrapper."""

    def step(self, action: str, /) -> tuple[str, float, bool, bool, dict[str, Any]]: ...
    def clone(self) -> Any: ...


class Mind(Protocol):
    """A policy in the middle of an episode, with all that it remembers."""

    def act(self, admissible: Sequence[str], draw: Random, /) -> str: ...
    def observe(self, observation: str, /) -> None: ...
    def fork(self) -> Self: ...


@dataclass(frozen=True, slots=True)
class Step:
    """One turn that was played, with what was known before it."""

    state_key: str
    action: str
    reward: float
    next_state_key: str
    terminated: bool


@dataclass(slots=True)
class Situation:
    """An episode under way."""

    world: World
    mind: Any  # a Mind
    state_key: str
    admissible: Sequence[str]
    over: bool = False

    def fork(self, seed: int) -> Situation:
        """Return an independent copy whose environment draws fresh random numbers."""
        world = self.world.clone()
        getattr(world, "text_env", world).reseed(seed)
        return Situation(world, self.mind.fork(), self.state_key, self.admissible, self.over)

    def take(self, action: str) -> Step:
        """Take a turn."""
        observation, reward, terminated, truncated, info = self.world.step(action)
        before, self.state_key = self.state_key, info["state_key"]
        self.admissible, self.over = info["admissible"], terminated or truncated
        self.mind.observe(observation)
        return Step(before, action, reward, self.state_key, terminated)


def play_out(situation: Situation, draw: Random) -> list[Step]:
    """Play a situation, which is used up, to the end of its episode."""
    steps = []
    while not situation.over:
        steps.append(situation.take(situation.mind.act(situation.admissible, draw)))
    return steps


def returns_from(situation: Situation, num_rollouts: int, seed: int) -> NDArray[np.float64]:
    """Return the undiscounted return of each of some rollouts from a situation [R].

    Where the episode is over, every return is 0.
    """
    return_R = np.zeros(num_rollouts)
    if situation.over:
        return return_R
    for number, fresh in enumerate(_seeds(seed, num_rollouts)):
        fork, draw = situation.fork(fresh), Random(fresh)
        total = 0.0
        while not fork.over:
            total += fork.take(fork.mind.act(fork.admissible, draw)).reward
        return_R[number] = total
    return return_R


def _seeds(seed: int, count: int) -> list[int]:
    seeds: list[int] = np.random.SeedSequence(seed).generate_state(count, np.uint64).tolist()
    return seeds
