"""A training that kills itself at a chosen moment, in a process of its own."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from turnwise.agents.tiny.cache import KeyValueCache
from turnwise.servers.client import SessionClient
from turnwise.trainers.learner.update import Learner
from turnwise.trainers.recipe import from_tables
from turnwise.trainers.train import train

_PROCESSES = get_context("forkserver")  # which has imported all of this once
_PROCESSES.set_forkserver_preload([__name__])


def killed(tables: dict[str, Any], out: Path, moment: str, number: int) -> int:
    """Train in a process of its own until a moment; return its exit code.

    Args:
        tables: the recipe.
        out: the folder of the run.
        moment: in the middle of a "message", between message and "step", between step and "journal", or in
            the "learner".
        number: how often it is passed before.
    """
    process = _PROCESSES.Process(target=_train, args=(tables, out, moment, number))
    process.start()
    process.join(300)
    assert process.exitcode is not None, "it neither ended nor was killed"
    return process.exitcode


def _train(tables: dict[str, Any], out: Path, moment: str, number: int) -> None:
    left = number

    def die() -> None:
        nonlocal left
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)

    if moment == "message":
        KeyValueCache.append = _after(KeyValueCache.append, die)  # type: ignore[method-assign]
    elif moment == "learner":
        Learner._backward = _after(Learner._backward, die)  # type: ignore[method-assign]
    else:
        step = SessionClient.step

        async def dying(self: SessionClient, items: Any) -> Any:
            if moment == "step":
                die()
            rows = await step(self, items)
            if moment == "journal":
                die()
            return rows

        SessionClient.step = dying  # type: ignore[method-assign]
    train(from_tables(tables), out)


def _after(call: Callable[..., Any], die: Callable[[], None]) -> Callable[..., Any]:
    def dying(*args: Any, **more: Any) -> Any:
        answer = call(*args, **more)
        die()
        return answer

    return dying
