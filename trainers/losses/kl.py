"""Estimates of KL(policy || reference) from the sampled tokens (Schulman, "Approximating KL divergence")."""

from __future__ import annotations

from typing import get_args

from torch import Tensor

from ...errors import UnknownName
from ..objective_config import KlKind

KL_KINDS: tuple[str, ...] = get_args(KlKind)


def kl_estimate(kind: KlKind, logp_N: Tensor, reference_N: Tensor) -> Tensor:
    """Return the estimate of each token, in nats.

    k1 = log p - log q is unbiased, k2 = k1^2 / 2 has the right gradient in
    expectation, k3 = exp(-k1) - 1 + k1 is unbiased and never negative. As a loss
    term k1 has a gradient of 0 in expectation; it belongs into the reward.

    Raises:
        UnknownName: for another kind.
    """
    difference_N = logp_N - reference_N
    if kind == "k1":
        return difference_N
    if kind == "k2":
        return 0.5 * difference_N.square()
    if kind == "k3":
        return (-difference_N).exp() - 1.0 + difference_N
    raise UnknownName("KL estimate", kind, KL_KINDS)
