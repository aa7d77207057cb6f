"""Groups of trajectories by their rewards, and samplers that are applied to them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from turnwise.agents.types import Generation, Trajectory, Turn
from turnwise.trainers.rollouts import samplers
from turnwise.trainers.rollouts.samplers import Candidates, Group, SamplerState


def episode(reward: float, group: str = "g", task: str = "t", **more: Any) -> Trajectory:
    said = Generation("go", (1, 2), (5, 6), (-0.1, -0.25))
    turn = Turn(0, "o", "s", "go", reward, "n", generation=said, notes={"gold_prob": 0.5})
    fields = {"end": "terminated", "success": reward == 1.0, **more}
    return Trajectory("e", task, 3, group, (turn,), **fields)


def group(*rewards: float, name: str = "g", task: str = "t") -> Group:
    return tuple(episode(r, name, task, member=m) for m, r in enumerate(rewards))


@dataclass
class Refills:
    """Groups that are played when a sampler asks for more, and how many it asked for each time."""

    waiting: list[Sequence[Group]]
    asked: list[int] = field(default_factory=list)

    async def __call__(self, count: int) -> Sequence[Group]:
        self.asked.append(count)
        return self.waiting.pop(0)


def candidates(
    *groups: Group, num: int = 0, refills: Sequence[Sequence[Group]] = (), state: SamplerState | None = None
) -> Candidates:
    more = Refills(list(refills))
    return Candidates(groups, num or len(groups), more, np.random.default_rng(0), state or SamplerState())


def apply(name: str, given: Candidates, /, **params: Any) -> Candidates:
    return asyncio.run(samplers.get(name)(given, **params))
