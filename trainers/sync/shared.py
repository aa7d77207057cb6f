"""One set of tensors under learner and policy: nothing moves but the version."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from .base import SyncReport, WeightSync


class SharedSync(WeightSync):
    """The sync of a policy in this process, which holds the tensors of the learner.

    There is nothing to probe: the first update compares behaviour and learner on every token, with no
    more tolerance than rounding needs (learner/guards.py).

    Args:
        publish: takes the weights over under a version, and empties the caches.
    """

    shares_weights = True

    def __init__(self, publish: Callable[[int], None]) -> None:
        self._publish = publish

    async def push(self, version: int) -> SyncReport:
        """Let the policy sample with the weights as they are now."""
        await asyncio.to_thread(self._publish, version)  # a policy that samples holds its lock
        return SyncReport()
