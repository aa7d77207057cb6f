"""How the credit of a turn reaches its tokens: token weighters by name.

A weighter is a pure function of a Credit and the turns it belongs to; it
returns one float64 array a turn, one number a generated token (forced tokens
too; the learner leaves them out).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...agents.types import Turn
from ...errors import TableError
from ..credit.base import Credit
from ..credit.naming import Named, Registry

__all__ = ["Weighter", "get", "names", "register"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Weighter(Named):
    """Be a registered token weighter: call it with a credit and the turns it belongs to."""

    def __call__(self, credit: Credit, turns: Sequence[Turn], **params: Any) -> list[Floats]:
        """Return the advantage of every generated token, one array a turn.

        Raises:
            UnknownName: for a parameter that the weighter does not have.
            TableError: if credit and turns differ in number.
        """
        self.check_params(params)
        if len(credit.advantage) != len(turns):
            raise TableError(f"credit for {len(credit.advantage)} turns, but {len(turns)} turns were given")
        weighted: list[Floats] = self.function(credit, turns, **params)
        return weighted


_REGISTRY = Registry("token weighter", Weighter)
register, get, names = _REGISTRY.register, _REGISTRY.get, _REGISTRY.names
