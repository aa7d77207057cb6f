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
            box = await backend.start(Spec())
        except SandboxError as error:
            pytest.skip(f"no namespace sandbox here: {error}")
        (keeper,) = set(psutil.Process().children()) - before
        os.kill(keeper.pid, signal.SIGKILL)
        with pytest.raises(SandboxError, match="has ended"):
            for _ in range(100):
                await box.run("true")
        await box.aclose()
        async with await backend.start(Spec()) as fresh:
            assert (await fresh.run("echo here")).output == "here\n"
        await backend.aclose()
        forget(backend)

    asyncio.run(main())
