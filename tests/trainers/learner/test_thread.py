"""Weights move in a thread: the loop goes on meanwhile, and nobody leaves them in motion."""

from __future__ import annotations

import asyncio
import threading

import pytest
import torch

from turnwise.trainers.learner.thread import LearnerThread


def test_the_loop_goes_on_while_the_learner_works() -> None:
    said: list[str] = []

    async def run() -> int:
        thread, go_on = LearnerThread(said.append), threading.Event()
        work = asyncio.create_task(thread.run(lambda: (go_on.wait(20.0), torch.get_num_threads())[1]))
        await asyncio.sleep(0.01)  # a loop that stood still would never come here
        assert not work.done()
        go_on.set()
        found = await work
        thread.close()
        return found

    assert asyncio.run(run()) == torch.get_num_threads() and not said


def test_a_cancellation_waits_for_the_end_of_the_work_and_comes_after_it() -> None:
    moved: list[str] = []
    said: list[str] = []

    async def update(thread: LearnerThread, go_on: threading.Event) -> None:
        await thread.run(lambda: (go_on.wait(20.0), moved.append("weights"))[1])
        moved.append("counted")  # what belongs to the update is done before anybody hears of it
        await asyncio.sleep(0)
        moved.append("never")

    async def run() -> None:
        thread, go_on = LearnerThread(said.append), threading.Event()
        task = asyncio.create_task(update(thread, go_on))
        await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.sleep(0.01)
        assert not task.done()
        assert len(said) == 1 and "comes to its end first" in said[0]
        go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert task.cancelling() == 1  # as asyncio.run expects of one Ctrl-C
        thread.close()

    asyncio.run(run())
    assert moved == ["weights", "counted"]


def test_what_the_work_raises_is_raised() -> None:
    async def run() -> None:
        thread = LearnerThread(print)
        try:
            await thread.run(lambda: 1 // 0)
        finally:
            thread.close()

    with pytest.raises(ZeroDivisionError):
        asyncio.run(run())
