"""A-LoL: what did better than expected is learned, as far as the policy has not left the reference.

Shapes: _N rows (turns), _L tokens of all turns in order, _M trajectories.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from .....errors import UsageError
from ....parts import Source, check_choice
from ...base import Credit, Head, register
from ...table.columns import sums
from ...table.table import TurnTable
from ...table.tokens import Tokens

Weight = Literal["response", "token", "none"]
_MAX_LOG_RATIO = 20.0


@register(
    "alol",
    heads=(Head("value", "prompt", "value"),),
    against_reference=True,
    source=Source(
        "A-LoL, Leftover lunch: advantage-based offline reinforcement learning",
        "arXiv 2305.14718",
        "by hand",
        how="the loss of the published training script, whose lines are no function that could be run",
        note="a response is all that the agent says in an episode; the value of the first state is learned "
        "from the stored episodes themselves, on the policy's own states, where the authors fit it to "
        "answers of the reference on a validation set and then leave it; episodes are drawn alike, as in the "
        "script without its sampling by advantage",
    ),
)
def alol(table: TurnTable, *, clip: float = 0.9, weight: Weight = "response") -> Credit:
    """Give every token the advantage of its episode where that is positive, times a bounded ratio.

    Baheti et al., arXiv 2305.14718, as in the published code: an episode is one action, its
    advantage A is its return less the value of its first state; what has none is left out. The loss
    is -A r log pi with r = pi/pi_ref of the whole response, bounded and without gradient.

    Args:
        table: the batch; needs columns num_tokens and value, and log_ratio and sampled, one array a
            turn each.
        clip: r lies in [1 - clip, 1 + clip]; 0.9 in the authors' runs, 0 leaves it as it is.
        weight: r of the "response" (A-LoL), of each "token" (A-LoL seq), or "none" (A-LoL ref. free).

    Returns:
        advantage [N], the mean over each turn's tokens; tokens; parts ratio, r of each turn's tokens in the
        mean, and gain, the advantage before what is negative is left out; targets value, the return, of
        first turns; figures kept (share of episodes), ratio (mean of a token) and clipped (share of
        tokens at a bound of r).

    Raises:
        UsageError: if clip is out of range.
        UnknownName: for another weight.
        TableError: naming a turn without tokens or with another number of values.
    """
    check_choice("weight", weight, ("response", "token", "none"))
    if not 0.0 <= clip <= 1.0:
        raise UsageError(f"credit alol: clip is {clip}; expected a number from 0 to 1")
    tokens, first_N = Tokens.of(table, "alol"), table.turn == 0
    trajectory_L, num = table.trajectory[tokens.row_L], table.num_trajectories
    ratio_L = np.where(
        tokens.flat(table, "sampled", "alol") > 0, tokens.flat(table, "log_ratio", "alol"), 0.0
    )
    if weight == "response":
        ratio_L = sums(ratio_L, trajectory_L, num)[trajectory_L]
    ratio_L = np.ones_like(ratio_L) if weight == "none" else np.exp(np.minimum(ratio_L, _MAX_LOG_RATIO))
    bounded_L = np.clip(ratio_L, 1.0 - clip, 1.0 + clip) if clip else ratio_L
    value_N = table.numbers("value", "alol")
    gain_N = (
        table.episode_return - sums(np.where(first_N, value_N, 0.0), table.trajectory, num)[table.trajectory]
    )
    advantage_L = np.maximum(gain_N, 0.0)[tokens.row_L] * bounded_L
    return Credit(
        tokens.mean(advantage_L),
        parts={"ratio": tokens.mean(bounded_L), "gain": gain_N},
        tokens=tokens.split(advantage_L),
        targets={"value": np.where(first_N, table.episode_return, np.nan)},
        figures={
            "kept": _mean(gain_N[first_N] > 0.0),
            "ratio": _mean(bounded_L),
            "clipped": _mean(bounded_L != ratio_L),
        },
    )


def _mean(values: NDArray[Any]) -> float:
    return float(values.mean()) if values.size else 0.0
