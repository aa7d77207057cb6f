"""Lock-step on its own."""

from __future__ import annotations

import asyncio

import pytest

from turnwise.agents.rollout.lockstep import LockStep


def joined(num_slots):
    lockstep = LockStep()
    for _ in range(num_slots):
        lockstep.join()
    return lockstep


def test_those_before_an_environment_go_first_and_all_go_to_the_policy_together():
    async def inside():
        lockstep, order = joined(3), []

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
        lockstep = joined(2)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await lockstep.wait("policy", 0)
        waiting = asyncio.create_task(lockstep.wait("policy", 1))
        await asyncio.sleep(0.01)
        assert not waiting.done()  # slot 0 is alive and busy elsewhere
        lockstep.leave()
        await waiting

    asyncio.run(asyncio.wait_for(inside(), 5))
