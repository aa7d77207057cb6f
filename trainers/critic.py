"""Value heads for methods with critics: linear readings of the policy's hidden states.

Shapes: _R turns, _H heads, _D hidden width, _M places.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

__all__ = ["ValueHeads"]


class ValueHeads(nn.Module):
    """Read one number per head from the state in which a turn begins.

    The state of a turn is the last place of its prompt. A method names its heads
    after the columns its estimator reads (`value`, or `v_low`, `v_high`, `v_term`)
    and returns the targets of each under the same name. The hidden states are
    detached: a critic does not move the policy's body.

    Args:
        hidden_size: width of the policy's hidden states.
        names: one name a head.
    """

    def __init__(self, hidden_size: int, names: Sequence[str]) -> None:
        super().__init__()
        self.names = tuple(names)
        self.linear = nn.Linear(hidden_size, len(self.names))
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def forward(self, hidden_MD: Tensor, place_R: Tensor) -> Tensor:
        """Return the values [R, H] at some places."""
        values_RH: Tensor = self.linear(hidden_MD.detach()[place_R].to(self.linear.weight.dtype))
        return values_RH

    def loss(self, values_RH: Tensor, targets_RH: Tensor) -> Tensor:
        """Return the sum over turns and heads of half the squared error; NaN targets do not count."""
        known_RH = ~targets_RH.isnan()
        error_RH = torch.where(known_RH, values_RH - targets_RH.nan_to_num(), torch.zeros_like(values_RH))
        return 0.5 * error_RH.square().sum()
