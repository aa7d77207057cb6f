"""An environment that is counted while it is open, in a folder that processes share.

Each open one is a file of its own in the folder that the variable TURNWISE_TEST_OPEN names.
`Counted` and `Boxed` clone by opening another; `Wired` cannot be cloned; `Plain` is Gymnasium's.
"""

from __future__ import annotations

import copy
import os
import threading
import time
from pathlib import Path
from typing import Any, Self
from uuid import uuid4

import gymnasium
from gymnasium.spaces import Discrete, Text

import turnwise

VARIABLE = "TURNWISE_TEST_OPEN"
ACTIONS = ["left", "right"]


def folder() -> Path:
    """Return where the open ones are noted."""
    return Path(os.environ[VARIABLE])


def num_open() -> int:
    """Return how many are open, in whichever process."""
    return len(list(folder().glob("*.open")))


class Lease:
    """A note that something is open."""

    def __init__(self) -> None:
        self.file = folder() / f"{os.getpid()}-{uuid4().hex}.open"
        self.file.touch()
        (folder() / "opened").touch()

    def close(self) -> None:
        """Take the note away."""
        self.file.unlink(missing_ok=True)


class Counted(turnwise.TextEnv):
    """Go right three times; `fails` names the call that raises, `waits` the one that takes some `seconds`."""

    no_expert = None

    def __init__(self, fails: str = "", waits: str = "", seconds: float = 0.01, split: str = "train") -> None:
        self.lease = Lease()
        self.fails, self.waits, self.seconds, self.place = fails, waits, seconds, 0
        self._maybe("init")

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[str, dict[str, Any]]:
        super().reset(seed=seed)
        self._maybe("reset")
        self.place = int(self.np_random.integers(2))
        return self._seen(), self._info()

    def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        self._maybe("step")
        self.place += action == "right"
        won = self.place >= 3
        return self._seen(), float(won), won, False, {**self._info(), "won": won}

    def clone(self) -> Self:
        twin = copy.copy(self)
        twin._np_random = copy.deepcopy(self._np_random)
        twin.lease = Lease()
        return twin

    def close(self) -> None:
        self.lease.close()

    def _seen(self) -> str:
        return f"You are at {self.place}."

    def _info(self) -> dict[str, Any]:
        return {"admissible": ACTIONS, "instruction": "Go to 3.", "private": {"expert": "right"}}

    def _maybe(self, call: str) -> None:
        if self.waits == call:
            (folder() / "waiting").touch()
            time.sleep(self.seconds)
        if self.fails == call:
            raise RuntimeError(f"no {call} today")


class Wired(Counted):
    """The same, and it holds what cannot be copied."""

    no_clone = "it holds a lock"

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.lock = threading.Lock()


class Boxed(Counted):
    """The same once more, for a server to isolate in another way."""


class Plain(gymnasium.Env[str, int]):
    """A plain environment of Gymnasium."""

    observation_space = Text(100)
    action_space = Discrete(2)
    action_names = ACTIONS

    def __init__(self) -> None:
        self.lease = Lease()

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[str, dict[str, Any]]:
        super().reset(seed=seed)
        self.place = int(self.np_random.integers(2))
        return f"You are at {self.place}.", {}

    def step(self, action: int) -> tuple[str, float, bool, bool, dict[str, Any]]:
        self.place += action
        won = self.place >= 3
        return f"You are at {self.place}.", float(won), won, False, {"won": won}

    def __deepcopy__(self, memo: dict[int, Any]) -> Plain:
        twin = copy.copy(self)
        twin._np_random = copy.deepcopy(self._np_random, memo)
        twin.lease = Lease()
        return twin

    def close(self) -> None:
        self.lease.close()
