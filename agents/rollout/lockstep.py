"""Lock-step: every slot waits until all have come as far.

Batches then hold the same requests in the same order in every run, so that even
rounding, which depends on a batch's shape, repeats itself.
"""

from __future__ import annotations

import asyncio
from typing import Literal

Phase = Literal["environment", "policy"]


class LockStep:
    """Slots that go on together, those who wait for an environment first.

    When every live slot waits, those before an environment call are released, in
    the order of their numbers; when nobody waits for an environment, all go to
    the policy at once.
    A slot takes part from when it joins until it leaves.
    """

    def __init__(self) -> None:
        self._live = 0
        self._waiting: dict[Phase, dict[int, asyncio.Future[None]]] = {"environment": {}, "policy": {}}

    async def wait(self, phase: Phase, slot: int) -> None:
        """Wait until it is the turn of this phase."""
        places = self._waiting[phase]
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        places[slot] = future
        loop.call_soon(self._release)  # not at once: the last to come must not run ahead of the others
        try:
            await future
        finally:
            if places.get(slot) is future:
                del places[slot]

    def join(self) -> None:
        """Take part from now on; nobody is released before the newcomer waits."""
        self._live += 1

    def leave(self) -> None:
        """Take part no longer."""
        self._live -= 1
        asyncio.get_running_loop().call_soon(self._release)

    def _release(self) -> None:
        environment, policy = self._waiting["environment"], self._waiting["policy"]
        if len(environment) + len(policy) < self._live:
            return
        released = environment or policy
        for slot in sorted(released):
            if not released[slot].done():
                released[slot].set_result(None)
        released.clear()
