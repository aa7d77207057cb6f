"""The true advantage of a turn, from rollouts of the policy: Q(s, a) - V(s).

Where nothing in the environment is random, Q(s, a) = r + V(s'), with s' the state
that the turn led to. Each state's V is the mean return of its own rollouts, so
an advantage is the difference of two independent means, plus the reward.

Shapes: _S states, _R rollouts of each, _N turns.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from turnwise.trainers.reports.truth.measures import Truth

__all__ = ["truth_of"]

Floats = NDArray[np.float64]


def truth_of(
    reward_N: Floats,
    return_SR: Floats,
    before_N: NDArray[np.int64],
    after_N: NDArray[np.int64],
    over_S: NDArray[np.bool_],
    scale: float = 1.0,
) -> Truth:
    """Return the advantages of turns.

    Args:
        reward_N: the reward of each turn.
        return_SR: returns of rollouts from each state; 0 where the episode is over.
        before_N: the state that each turn was taken in.
        after_N: the state that it led to.
        over_S: whether the episode is over in a state; its value is known to be 0.
        scale: the range of returns. The variance of a state's returns is estimated
            as though one more had been drawn, half the range away from their mean:
            32 equal returns do not prove that all are equal.
    """
    num = return_SR.shape[1]
    half = num // 2
    variance_S = np.where(over_S, 0.0, (num * return_SR.var(axis=1) + (scale / 2) ** 2) / (num + 1))
    error_N = np.sqrt((variance_S[before_N] + variance_S[after_N]) / num)

    def advantage(part_SR: Floats) -> Floats:
        value_S = part_SR.mean(axis=1)
        result: Floats = reward_N + value_S[after_N] - value_S[before_N]
        return result

    return Truth(
        advantage(return_SR), advantage(return_SR[:, :half]), advantage(return_SR[:, half:]), error_N
    )
