"""From tokens to turns and trajectories and back: ratios and weights by level.

Shapes: _N sampled tokens of a micro-batch, _S segments (turns or trajectories).
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...errors import UnknownName, UsageError
from ..objective_config import Aggregation
from .base import AGGREGATIONS

MAX_LOG_RATIO = 20.0
"""Log-ratios are cut here before exp, so that a hopeless token gives a huge number, not infinity."""


def segment_sum(value_N: Tensor, segment_N: Tensor) -> Tensor:
    """Give every token the sum of its segment; `segment_N` counts from 0."""
    total_S = value_N.new_zeros(_num_segments(segment_N)).index_add(0, segment_N, value_N)
    return total_S[segment_N]


def segment_mean(value_N: Tensor, segment_N: Tensor) -> Tensor:
    """Give every token the mean of its segment."""
    length_N = torch.bincount(segment_N, minlength=_num_segments(segment_N))[segment_N]
    return segment_sum(value_N, segment_N) / length_N.to(value_N.dtype)


def _num_segments(segment_N: Tensor) -> int:
    return int(segment_N.max()) + 1 if segment_N.numel() else 0


def aggregation_weights(
    aggregation: Aggregation,
    turn_N: NDArray[np.int64],
    trajectory_N: NDArray[np.int64],
    constant_length: float = 0.0,
) -> NDArray[np.float64]:
    """Return the weight of each token of a whole mini-batch in the loss.

    The loss of a mini-batch is the weighted sum, so it may be computed in any
    pieces. Tokens that are not there (forced ones) are in no denominator.

    Args:
        aggregation: `token_mean` 1/N; `turn_mean` and `trajectory_mean` the mean over
            segments of the mean over their tokens; `constant` the mean over
            trajectories of the sum over their tokens divided by `constant_length`.
        turn_N: the turn of each token, any integers.
        trajectory_N: the trajectory of each token, any integers.
        constant_length: tokens; the divisor of `constant`.

    Raises:
        UnknownName: for another aggregation.
        UsageError: if `constant` comes without a positive length.
    """
    if aggregation == "token_mean":
        return np.full(len(turn_N), 1.0 / max(1, len(turn_N)))
    if aggregation == "constant":
        if not constant_length > 0:
            raise UsageError(
                f"loss.constant_length is {constant_length}: aggregation 'constant' divides by it; "
                "set it to the longest response in tokens"
            )
        num = max(1, len(np.unique(trajectory_N)))
        return np.full(len(turn_N), 1.0 / (num * constant_length))
    if aggregation not in AGGREGATIONS:
        raise UnknownName("aggregation", aggregation, AGGREGATIONS)
    segment_N = turn_N if aggregation == "turn_mean" else trajectory_N
    _, inverse_N, length_S = np.unique(segment_N, return_inverse=True, return_counts=True)
    return 1.0 / (len(length_S) * length_S[inverse_N].astype(np.float64))
