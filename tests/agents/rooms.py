"""Small environments whose every turn can be worked out by hand."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from turnwise import TextEnv
from turnwise.envs.sandbox import ImageError
from turnwise.errors import UsageError


class Corridor(TextEnv):
    """A walk right to the door, `2 + seed % 3` steps away; every wrong word is answered."""

    def __init__(self, limit: int = 30, talkative: bool = True) -> None:
        self.limit, self.talkative = limit, talkative

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None):
        super().reset(seed=seed)
        self.place, self.steps, self.door = 0, 0, 2 + (seed or 0) % 3
        self.expert = bool((options or {}).get("expert"))
        self.start_failure(seed or 0)
        return f"You are at 0. The door is at {self.door}.", self.info()

    def start_failure(self, seed: int) -> None:
        pass

    def info(self) -> dict[str, Any]:
        info: dict[str, Any] = {
            "admissible": ["left", "right"],
            "instruction": "go to the door",
            "task": f"corridor-{self.door}",
            "state_key": f"at {self.place}",
            "won": self.place == self.door,
            "score": self.place / self.door,
            "rewards": {"progress": float(self.place)},
            "private": {"door": self.door, **({"expert": "right"} if self.expert else {})},
        }
        return info

    def step(self, action: str):
        self.steps += 1
        self.place = max(0, self.place + {"right": 1, "left": -1}.get(action, 0))
        won = self.place == self.door
        text = f"You are at {self.place}." if action in ("left", "right") else "Nothing happens."
        return text, float(won), won, self.steps >= self.limit, self.info()


class Faulty(Corridor):
    """A corridor that raises in the second step of every task with an odd seed."""

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None):
        self.odd = bool((seed or 0) % 2)
        return super().reset(seed=seed, options=options)

    def step(self, action: str):
        if self.odd and self.steps == 1:
            raise RuntimeError("the floor gave way")
        return super().step(action)


class Treacherous(Corridor):
    """A corridor whose floor gives way under three tasks of ten, while a file says that it is gone."""

    def __init__(self, floor: str) -> None:
        super().__init__()
        self.floor = floor

    def start_failure(self, seed: int) -> None:
        self.hole = seed % 10 in (0, 3, 6)

    def step(self, action: str):
        if self.hole and Path(self.floor).read_text() == "gone":
            raise RuntimeError("the floor gave way")
        return super().step(action)


class Flaky(Corridor):
    """A corridor that fails the first episode of each task, then works."""

    met: ClassVar[set[int]] = set()

    def start_failure(self, seed: int) -> None:
        if seed not in Flaky.met:
            Flaky.met.add(seed)
            raise RuntimeError("not yet")


class Closed(Corridor):
    """A corridor that refuses the tasks below a number, and counts what it was asked to begin."""

    asked: ClassVar[list[int]] = []

    def __init__(self, below: int, image: bool = False) -> None:
        super().__init__()
        self.below, self.image = below, image

    def start_failure(self, seed: int) -> None:
        Closed.asked.append(seed)
        if seed < self.below:
            raise (ImageError if self.image else UsageError)(f"no map\nof room {seed}")


class Changing(Corridor):
    """A corridor that no two sessions find alike."""

    opened: ClassVar[Iterator[int]] = count()

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None):
        self.number = next(Changing.opened)
        return f"Room {self.number}.", super().reset(seed=seed, options=options)[1]

    def step(self, action: str):
        return f"Room {self.number}.", *super().step(action)[1:]


class NotFinite(Corridor):
    """A corridor whose reward is not a number."""

    def step(self, action: str):
        return "", float("nan"), False, False, {}


class Mute(Corridor):
    """A corridor that says nothing of winning, scores, or what is admissible."""

    def info(self) -> dict[str, Any]:
        return {}


class Taciturn(Corridor):
    """A corridor that speaks of winning at its door alone."""

    def info(self) -> dict[str, Any]:
        info = super().info()
        return info if info["won"] else {**info, "won": None}


class Waiting(Corridor):
    """A corridor that takes its time over each step."""

    async def step_async(self, action: str):
        await asyncio.sleep(0.01 if action == "right" else 30)
        return self.step(action)


class Sharing(Corridor):
    """A corridor with one info and one table of rewards for all turns, and rewards of odd types."""

    def info(self) -> dict[str, Any]:
        if self.steps == 0:
            self.shared: dict[str, Any] = {"rewards": {}}
        rewards = self.shared["rewards"]
        self.shared.update(super().info())
        rewards["progress"] = float(self.place)
        self.shared["rewards"] = rewards
        return self.shared

    def step(self, action: str):
        text, reward, won, truncated, info = super().step(action)
        odd = (np.float32(reward), np.array([reward]), np.int64(reward), won)[self.steps % 4]
        return text, odd, np.bool_(won), truncated, info
