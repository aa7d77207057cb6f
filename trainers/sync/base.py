"""What a sync is: it brings the learner's weights to whoever samples, and proves that they arrived."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from ..learner.probe import Tolerance


@dataclass(frozen=True, slots=True)
class SyncReport:
    """What one sync took and what its probe found; all 0 where nothing was moved."""

    seconds: float = 0.0  # from the pause to the moment where requests are taken again
    worst_nats: float = 0.0  # largest difference of a logprob between engine and learner
    mean_nats: float = 0.0
    probe_seconds: float = 0.0  # of `seconds`

    def figures(self) -> dict[str, float]:
        """Return it for the log of a run; {} where nothing was moved."""
        if not self.seconds:
            return {}
        return {
            "sync/seconds": self.seconds,
            "sync/probe_seconds": self.probe_seconds,
            "sync/worst_nats": self.worst_nats,
            "sync/mean_nats": self.mean_nats,
        }


class WeightSync(ABC):
    """The way of a learner's weights to the policy that samples with them.

    Attributes:
        shares_weights: whether learner and policy hold the same tensors, so that one computation both
            samples and learns.
    """

    shares_weights: bool = False

    @abstractmethod
    async def push(self, version: int) -> SyncReport:
        """Bring the learner's weights into the policy under a version.

        Raises:
            TrainingError: if they did not arrive, or the policy answers otherwise than the learner.
        """

    def allow(self, tolerance: Tolerance) -> None:  # noqa: B027 - nothing is compared where nothing moves
        """Take what the rounding of the model explains, before the first push."""
