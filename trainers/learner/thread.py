"""The one thread in which weights move, so that the event loop goes on: heartbeats, leases and steps."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

import torch

ResultT = TypeVar("ResultT")


class LearnerThread:
    """A thread for all that computes or writes weights, one thing after the other.

    Args:
        say: told that an interruption waits for what is being computed, which may take as long as an update.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        threads = partial(torch.set_num_threads, torch.get_num_threads())
        self._executor = ThreadPoolExecutor(1, "learner", initializer=threads)

    async def run(self, work: Callable[[], ResultT]) -> ResultT:
        """Do work there and wait for its end, also where the caller is cancelled meanwhile.

        Weights are never left in motion: a cancellation is raised where the caller waits next.
        """
        future = asyncio.get_running_loop().run_in_executor(self._executor, work)
        caller, cancelled = asyncio.current_task(), False
        while not future.done():
            try:
                await asyncio.wait([future])
            except asyncio.CancelledError:
                if not cancelled:
                    self._say("interrupted; what moves the weights comes to its end first, then all is saved")
                cancelled = True
                if caller is not None:
                    caller.uncancel()
        if cancelled and caller is not None:
            caller.cancel()
        return future.result()

    def close(self) -> None:
        """End the thread."""
        self._executor.shutdown(wait=False)
