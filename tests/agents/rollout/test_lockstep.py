"""Lock-step, gathering and busy clocks on their own."""

from __future__ import annotations

import asyncio

import pytest

from turnwise.agents.rollout import batching as gather
from turnwise.agents.rollout.batching import BusyClock, Gatherer, whole
from turnwise.agents.rollout.lockstep import LockStep
from turnwise.errors import ServerError


def test_those_before_an_environment_go_first_and_all_go_to_the_policy_together():
    async def inside():
        lockstep, order = LockStep(3), []

        async def slot(number, phases):
            for phase in phases:
                await lockstep.wait(phase, number)
                order.append((phase[0], number))
            lockstep.leave()

        # Slot 1 starts a new episode while the others are before the policy.
        await asyncio.gather(
            slot(2, ["policy", "environment"]),
            slot(0, ["policy", "environment"]),
            slot(1, ["environment", "policy", "environment"]),
        )
        return order

    order = asyncio.run(asyncio.wait_for(inside(), 5))
    assert order == [("e", 1), ("p", 0), ("p", 1), ("p", 2), ("e", 0), ("e", 1), ("e", 2)]


def test_a_slot_that_gives_up_waiting_holds_nobody():
    async def inside():
        lockstep = LockStep(2)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await lockstep.wait("policy", 0)
        waiting = asyncio.create_task(lockstep.wait("policy", 1))
        await asyncio.sleep(0.01)
        assert not waiting.done()  # slot 0 is alive and busy elsewhere
        lockstep.leave()
        await waiting

    asyncio.run(asyncio.wait_for(inside(), 5))


def gathered(send, items, max_batch=10):
    async def inside():
        gatherer = Gatherer(whole(send), max_batch)
        return await asyncio.gather(*(gatherer.call(item) for item in items), return_exceptions=True)

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

        gatherer = Gatherer(whole(send), 10)
        first, second = (asyncio.create_task(gatherer.call(item)) for item in (1, 2))
        await asyncio.sleep(0.01)
        first.cancel()
        reached.set()
        assert await second == 2
        await gatherer.settle()

    asyncio.run(asyncio.wait_for(inside(), 5))


def test_a_busy_clock_counts_overlapping_calls_once(monkeypatch):
    now = iter([1.0, 4.0, 10.0, 11.5])
    monkeypatch.setattr(gather, "perf_counter", lambda: next(now))
    clock = BusyClock()
    with clock, clock:  # from 1 to 4
        pass
    with clock:  # from 10 to 11.5
        pass
    assert clock.seconds == 4.5
