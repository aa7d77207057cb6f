"""What stops an update before it spoils the weights: a jump of the policy, an engine that disagrees."""

from __future__ import annotations

from collections.abc import Mapping

from ...errors import TrainingError
from .config import OptimConfig
from .probe import Tolerance


def check_jump(moved: float, optim: OptimConfig, where: str) -> None:
    """Refuse a step after which the policy would have left its batch.

    Args:
        moved: mean |log new/old| over all targets of the mini-batch, in nats. Those that were not read,
            since they teach nothing, count as unmoved: one rare sample that became likely is no jump.
        optim: the limit.
        where: which step, for the error.

    Raises:
        TrainingError: if it is over optim.spike_limit.
    """
    if moved > optim.spike_limit:
        raise TrainingError(
            f"{where}: the policy moved by {moved:.3g} nats a token within one batch "
            f"(optim.spike_limit {optim.spike_limit}). Lower optim.learning_rate or the number "
            "of mini-batches and epochs"
        )


def check_engine(piece: Mapping[str, float], optim: OptimConfig, where: str) -> None:
    """Refuse a batch whose behaviour logprobs are not the learner's.

    Raises:
        TrainingError: if they differ by more than optim.mismatch_limit.
    """
    if piece["mismatch_kl"] > optim.mismatch_limit:
        raise TrainingError(
            f"{where}: engine and learner differ by {piece['mismatch_kl']:.3g} nats a token "
            f"(optim.mismatch_limit {optim.mismatch_limit}). Are the weights of the engine stale, "
            "or its sampling settings not those of the recipe?"
        )


def check_one_engine(piece: Mapping[str, float], tolerance: Tolerance, where: str) -> None:
    """Refuse a first batch that should have been sampled by the very same computation, and was not.

    Raises:
        TrainingError: if a ratio, or the mean of them all, is further from 1 than rounding explains.
    """
    if piece["max_mismatch"] > tolerance.ratio or piece["mismatch_kl"] > tolerance.kl:
        raise TrainingError(
            f"{where}: the ratio of learner to behaviour probability differs from 1 by up to "
            f"{piece['max_mismatch']:.3g} and by {piece['mismatch_kl']:.3g} nats a token, although one "
            f"engine computed both; {tolerance}. Does the policy sample as rollout says, with the weights of "
            "the learner?"
        )
