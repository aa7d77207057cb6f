"""Batches out of calls that wait, and busy clocks.

1. Calls of one moment go out together, up to the size of a batch; answers find their callers.
2. What fails, or answers too little, fails its own callers only; a caller may stop waiting.
3. In series, calls gather while a batch is under way, and there is never a second one.
4. What an event loop left that has ended does not disturb the next one.
"""

from __future__ import annotations

import asyncio

import pytest

from turnwise.agents.batching import Batcher, BusyClock, answers_in_order
from turnwise.errors import ServerError


def gathered(send, items, max_batch=10):
    async def inside():
        batcher = Batcher(answers_in_order(send), max_batch)
        return await asyncio.gather(*(batcher.call(item) for item in items), return_exceptions=True)

    return asyncio.run(inside())


def test_calls_of_one_moment_are_one_batch_up_to_its_size():
    batches = []

    async def send(items):
        batches.append(items)
        return [item * 10 for item in items]

    assert gathered(send, [1, 2, 3, 4, 5], max_batch=2) == [10, 20, 30, 40, 50]
    assert batches == [[1, 2], [3, 4], [5]]


def test_a_batch_that_fails_fails_its_own_callers_only():
    async def send(items):
        if 3 in items:
            raise ServerError("gone")
        return items

    results = gathered(send, [1, 2, 3], max_batch=2)
    assert results[:2] == [1, 2]
    assert str(results[2]) == "gone"


def test_an_answer_too_few_is_an_error():
    async def send(items):
        return items[:-1]

    assert "2 items were sent and 1 answers came back" in str(gathered(send, [1, 2])[0])


def test_a_caller_may_stop_waiting():
    async def inside():
        reached = asyncio.Event()

        async def send(items):
            await reached.wait()
            return items

        batcher = Batcher(answers_in_order(send), 10)
        first, second = (asyncio.create_task(batcher.call(item)) for item in (1, 2))
        await asyncio.sleep(0.01)
        first.cancel()
        reached.set()
        assert await second == 2
        await batcher.settle()

    asyncio.run(asyncio.wait_for(inside(), 5))


def test_a_busy_clock_counts_overlapping_calls_once():
    now = iter([1.0, 4.0, 10.0, 11.0, 11.5])
    clock = BusyClock(lambda: next(now))
    with clock, clock:  # from 1 to 4
        pass
    with clock:  # from 10 to 11.5
        assert clock.so_far == 4.0
    assert clock.seconds == clock.so_far == 4.5


def test_in_series_calls_gather_while_a_batch_is_under_way():
    async def inside():
        batches, under_way = [], 0

        async def send(items):
            nonlocal under_way
            under_way += 1
            assert under_way == 1
            batches.append(items)
            await asyncio.sleep(0.01)
            under_way -= 1
            return items

        batcher = Batcher(answers_in_order(send), 3, serial=True)
        first = asyncio.create_task(batcher.call(0))
        await asyncio.sleep(0.005)
        later = await asyncio.gather(*(batcher.call(item) for item in range(1, 6)))
        assert (await first, later) == (0, [1, 2, 3, 4, 5])
        return batches

    assert asyncio.run(asyncio.wait_for(inside(), 5)) == [[0], [1, 2, 3], [4, 5]]


@pytest.mark.parametrize("serial", [False, True])
def test_an_event_loop_that_has_ended_leaves_nothing_behind(serial):
    stuck = [True]

    async def send(items):
        if stuck:
            await asyncio.sleep(60)
        return items

    batcher = Batcher(answers_in_order(send), 10, serial=serial)

    async def given_up():
        await asyncio.wait([asyncio.create_task(batcher.call(1))], timeout=0.01)

    asyncio.run(given_up())
    stuck.clear()
    assert asyncio.run(asyncio.wait_for(batcher.call(2), 5)) == 2
