"""The one thread in which weights move, so that the event loop goes on: heartbeats, leases and steps."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

import torch

from .heap import Heap

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
        self._heap = Heap()

    async def run(self, work: Callable[[], ResultT]) -> ResultT:
        """Do work there and wait for its end, also where the caller is cancelled meanwhile.

        Weights are never left in motion: a cancellation is raised where the caller waits next.
        """
        future = asyncio.get_running_loop().run_in_executor(self._executor, self._done, work)
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

    def _done(self, work: Callable[[], ResultT]) -> ResultT:
        """Do work between two looks at the memory: the first gives back what a rollout has freed."""
        self._heap.give_back()
        try:
            return work()
        finally:
            self._heap.give_back()

    def close(self) -> None:
        """End the thread."""
        self._executor.shutdown(wait=False)
