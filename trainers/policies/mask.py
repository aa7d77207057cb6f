"""The mask policy of a run (NLPO, arXiv 2210.01241): when it is set, and what a checkpoint keeps of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...agents.decoding.caching import CachingPolicy
from ...agents.sampling import Mask
from ...errors import CheckpointError


class HeldMask:
    """The slowly following copy that a policy holds.

    Args:
        policy: holds it from now on.
        mask: says how often it is set.
    """

    def __init__(self, policy: CachingPolicy[Any], mask: Mask) -> None:
        self._policy, self._every = policy, mask.every
        policy.hold_mask()

    def sampled(self, update: int) -> None:
        """Set the copy where that is due, once the episodes of an update (from 0) are played.

        As in the authors' code it is set before the update is learned from: to the policy that has just
        sampled.
        """
        if self._every and (update + 1) % self._every == 0:
            self._policy.set_mask()

    def state(self) -> dict[str, Any]:
        """Return the copy and its version."""
        return self._policy.mask_state()

    def load(self, state: Mapping[str, Any] | None) -> None:
        """Take over what `state` returned.

        Raises:
            CheckpointError: if there is none, or it is another model's.
        """
        if state is None:
            raise CheckpointError(
                "this checkpoint has no mask policy, and rollout.mask asks for one: it was written without; "
                "go on with --set rollout.mask.top_p=1.0, or start a new run"
            )
        self._policy.load_mask(state)


def held(policy: CachingPolicy[Any], mask: Mask) -> HeldMask | None:
    """Let a policy hold a copy of itself where a mask is asked for."""
    return HeldMask(policy, mask) if mask.is_on else None
