"""Small deterministic environments that the tests of the servers play."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import socket
import sys
import threading
import time
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from turnwise.envs.core import TextEnv
from turnwise.envs.sandbox import ImageError, SandboxError
from turnwise.envs.swe.instances.records import RecordError
from turnwise.errors import UsageError

Result = tuple[str, float, bool, bool, dict[str, Any]]


class Counter(TextEnv):
    """Count the turns and draw a number in each; ends after `length` turns or on "stop"."""

    def __init__(self, length: int = 10, data: Path | None = None) -> None:
        self.length = length
        self.text = Path(data).read_text() if data is not None else ""

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[str, dict[str, Any]]:
        super().reset(seed=seed)
        self.turns = 0
        info: dict[str, Any] = {"task": f"count-{seed}", "admissible": ["go", "stop"]}
        if (options or {}).get("expert"):
            info["private"] = {"expert": "stop"}
        return f"start {self._draw()} {self.text}".strip(), info

    def step(self, action: str) -> Result:
        self.turns += 1
        stopped = action == "stop"
        info = {"admissible": ["stop", "go"], "won": stopped, "private": {"expert": "stop"}}
        observation = f"turn {self.turns} {action} {self._draw()}"
        return observation, float(stopped), stopped, not stopped and self.turns >= self.length, info

    def _draw(self) -> int:
        return int(self.np_random.integers(1_000_000))


class Fragile(Counter):
    """Break the contract on demand."""

    def step(self, action: str) -> Any:
        if action == "raise":
            raise KeyError("no such room")
        if action == "exit":
            sys.exit(3)
        observation, reward, terminated, truncated, info = super().step(action)
        broken = {
            "nan": (observation, float("nan"), False, False, info),
            "surrogate": ("\ud800", 0.0, False, False, info),
            "number": (7, 0.0, False, False, info),
            "pair": (observation, reward),
            "object": (observation, 0.0, False, False, {"what": object()}),
            "gap": (observation, 0.0, False, False, {"parts": [{"score": float("nan")}], "more": None}),
            "gaps": (observation, 0.0, False, False, {"scores": np.array([1.0, np.inf])}),
            "unknown": (observation, 0.0, False, False, {"score": None, "other": None, "text": "null"}),
            "half": (observation, 0.0, False, False, {"text": "\ud800"}),
            "tier": (observation, 0.0, False, False, {"rewards": {"near": float("inf")}}),
            "immeasurable": (observation, 0.0, False, False, {"far": [float("inf")]}),
            "set": (observation, 0.0, False, False, {"what": {1}}),
            "flood": (observation, 0.0, False, False, {"text": "x" * (9 << 20)}),
        }
        return broken.get(action, (observation, reward, terminated, truncated, info))

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[str, dict[str, Any]]:
        if (options or {}).get("raise"):
            raise RuntimeError("no such floor")
        if (options or {}).get("half"):
            raise RuntimeError("no floor \ud800")
        return super().reset(seed=seed, options=options)


class Quoting(Counter):
    """Quote the file that it reads in what it raises."""

    def __init__(self, data: Path | None = None, fail: str = "") -> None:
        super().__init__(data=data)
        self.words = f"{data}: {self.text}" if data is not None else "nothing to read"
        if fail:
            raise {"ValueError": ValueError, "UsageError": UsageError}[fail](self.words)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[str, dict[str, Any]]:
        if (options or {}).get("quote"):
            raise KeyError(self.words)
        if refuse := (options or {}).get("refuse"):
            raise {"usage": UsageError, "image": ImageError, "record": RecordError}[refuse](self.words)
        super().reset(seed=seed)
        return "start", {}

    def step(self, action: str) -> Result:
        if action == "quote":
            raise KeyError(self.words)
        return super().step(action)


class Boxless(Counter):
    """Get no box so many times, then one."""

    num_missing = 0

    def __init__(self) -> None:
        if Boxless.num_missing > 0:
            Boxless.num_missing -= 1
            raise SandboxError("no word from the keeper")
        super().__init__()


class Gated(Counter):
    """A world that holds a reset or a step until the test lets it go; for threads."""

    gate = threading.Event()

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[str, dict[str, Any]]:
        if (options or {}).get("hold"):
            assert self.gate.wait(20)
        return super().reset(seed=seed, options=options)

    def step(self, action: str) -> Result:
        if action == "hold":
            assert self.gate.wait(20)
        return super().step(action)


class Barred(Counter):
    """A world that holds a step until there is a file `open` in a folder; for other processes."""

    def __init__(self, bar: Path) -> None:
        super().__init__()
        self.bar = Path(bar)

    def step(self, action: str) -> Result:
        while action == "hold" and not (self.bar / "open").exists():
            time.sleep(0.01)
        return super().step(action)


class Waiting(Counter):
    """Wait for something else than the processor."""

    async def step_async(self, action: str) -> Result:
        await asyncio.sleep(0.01)
        return self.step(action)


class Interrupted(Counter):
    """Wait until it is closed, and break then."""

    def __init__(self) -> None:
        super().__init__()
        self.over = False

    async def step_async(self, action: str) -> Result:
        while not self.over:
            await asyncio.sleep(0.01)
        raise RuntimeError("closed in the middle of a step")

    def close(self) -> None:
        self.over = True


class Sleepy(Counter):
    """Sleep for as many seconds as the action says."""

    def step(self, action: str) -> Result:
        if action.startswith("sleep "):
            time.sleep(float(action.removeprefix("sleep ")))
        return super().step(action)


class Lingering(Counter):
    """Take its time to close, and note that it has."""

    def __init__(self, seconds: float, note: Path) -> None:
        super().__init__()
        self.seconds, self.note = seconds, Path(note)

    def close(self) -> None:
        time.sleep(self.seconds)
        with self.note.open("a") as file:
            file.write("closed\n")


class Unruly(Counter):
    """Start a thread that never ends, hang, be interrupted or leave the folder; hang or raise at the ends."""

    def __init__(self, close: str = "", made: str = "") -> None:
        super().__init__()
        self.how = close
        if made == "hang":
            time.sleep(600)

    def step(self, action: str) -> Result:
        if action == "thread":
            threading.Thread(target=time.sleep, args=(600,)).start()
        if action == "hang":
            time.sleep(600)
        if action == "interrupted":
            raise KeyboardInterrupt
        if action == "leave":
            os.chdir("/")
        return super().step(action)

    def close(self) -> None:
        if self.how == "hang":
            time.sleep(600)
        if self.how in Strange.ERRORS:
            raise Strange.ERRORS[self.how]


class Locked(Counter):
    """A world with what cannot be copied."""

    def __init__(self, length: int = 10) -> None:
        super().__init__(length)
        self.lock = threading.Lock()


class Hostile(Counter):
    """Hang, crash, leak, flood or forge on demand."""

    def step(self, action: str) -> Result:
        if action == "hang":
            time.sleep(600)
        if action == "seize":  # hang where no other thread of Python gets to run
            re.match(r"(a+)+$", "a" * 64 + "b")
        if action == "crash":
            os.kill(os.getpid(), signal.SIGKILL)
        if action == "leak":
            self.leaked = [b"x" * (1 << 20) for _ in range(1 << 20)]
        if action == "print":
            for _ in range(1 << 10):
                print("x" * (1 << 13))
        if action in ("forge", "drip"):
            _shout(b"\0\0\0\x02{}" if action == "forge" else b"\0\0\0\x08{")
            time.sleep(600)
        if action == "raise":
            raise KeyError("no such room")
        return super().step(action)


class Curious(Counter):
    """Try what an action says on the machine, and observe what came of it."""

    def step(self, action: str) -> Result:
        observation, *rest = super().step(action)
        verb, _, about = action.partition(" ")
        if verb in ("who", "status", "read", "write", "links", "fork"):
            observation = getattr(self, verb)(about)
        return (observation, *rest)  # type: ignore[return-value]

    def who(self, _: str) -> str:
        return f"{os.getuid()} {os.getgid()} {os.getgroups()}"

    def status(self, field: str) -> str:
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith(field + ":"))

    def read(self, file: str) -> str:
        try:
            return Path(file).read_text()
        except OSError as error:
            return type(error).__name__

    def write(self, file: str) -> str:
        try:
            Path(file).write_text("mine")
        except OSError as error:
            return f"{error.errno} {error.strerror}"
        return "written"

    def links(self, _: str) -> str:
        return " ".join(name for _, name in socket.if_nameindex())

    def fork(self, times: str) -> str:
        """Start processes until the system refuses; return how many."""
        children = []
        try:
            for _ in range(int(times)):
                children.append(os.fork())
                if children[-1] == 0:
                    signal.pause()
        except BlockingIOError:
            pass
        for child in children:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
        return str(len(children))


def _shout(words: bytes) -> None:
    """Write into everything that is open, as if it were the line to the server."""
    for descriptor in range(3, 64):
        with contextlib.suppress(OSError):
            os.write(descriptor, words)


class Mute(Exception):
    """Have no text."""

    def __str__(self) -> str:
        raise RuntimeError("no text")


class Strange(Counter):
    """Raise what others take for something else."""

    ERRORS: ClassVar[dict[str, BaseException]] = {
        "end": StopIteration(),
        "generator": GeneratorExit(),
        "cancelled": asyncio.CancelledError(),
        "interrupted": KeyboardInterrupt(),
        "base": BaseException("base"),
        "exit": SystemExit(3),
        "mute": Mute(),
    }

    def __init__(self, length: int = 10, what: str = "") -> None:
        super().__init__(length)
        self._raise(what)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[str, dict[str, Any]]:
        self._raise((options or {}).get("raise", ""))
        return super().reset(seed=seed)

    def step(self, action: str) -> Result:
        self._raise(action)
        return super().step(action)

    def close(self) -> None:
        raise Mute

    def _raise(self, what: str) -> None:
        if what in self.ERRORS:
            raise self.ERRORS[what]


class StrangeWaiting(Strange):
    """Raise it while waiting."""

    async def step_async(self, action: str) -> Result:
        await asyncio.sleep(0)
        return self.step(action)


class Drifting(Counter):
    """Depend on a file, so that a replay after its change differs."""

    def __init__(self, drift: Path) -> None:
        super().__init__()
        self.drift = Path(drift)

    def step(self, action: str) -> Result:
        observation, *rest = super().step(action)
        if self.turns >= 3:
            observation += self.drift.read_text()
        return (observation, *rest)  # type: ignore[return-value]
