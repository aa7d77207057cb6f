"""The keeper is killed: its boxes are the machine's fault, and the next box has a new keeper."""

from __future__ import annotations

import asyncio
import os
import signal

import psutil
import pytest

from turnwise.envs.sandbox import SandboxError, Spec
from turnwise.envs.sandbox.backends import forget


@pytest.mark.sandbox
def test_a_new_keeper_takes_the_place_of_one_that_was_killed() -> None:
    from turnwise.envs.sandbox.namespace import NamespaceBackend

    async def main() -> None:
        backend = NamespaceBackend()
        before = set(psutil.Process().children())
        try:
            await backend.warm(Spec(), 1)
        except SandboxError as error:
            pytest.skip(f"no namespace sandbox here: {error}")
        (pool,) = backend._pools.values()
        (waiting,), spec = pool.waiting, Spec(labels={"of": "a task"})
        box = await backend.start(spec)
        assert box is waiting and box.spec == spec  # labels do not count
        (keeper,) = set(psutil.Process().children()) - before
        os.kill(keeper.pid, signal.SIGKILL)
        with pytest.raises(SandboxError, match="has ended"):
            for _ in range(100):
                await box.run("true")
        await box.aclose()
        async with await backend.start(Spec()) as fresh:
            assert (await fresh.run("echo here")).output == "here\n"
        while pool.coming:
            await asyncio.sleep(0.01)
        assert len(pool.waiting) == 1  # the new keeper's
        await backend.aclose()
        forget(backend)

    asyncio.run(main())
