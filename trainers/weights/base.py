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
from ..parts import Named, Registry

Floats = NDArray[np.float64]


@dataclass(eq=False)
class Weighter(Named[list[Floats]]):
    """A registered token weighter: call it with a credit and the turns it belongs to."""

    def apply(self, credit: Credit, turns: Sequence[Turn], **params: Any) -> list[Floats]:
        """Return the advantage of every generated token, one array a turn.

        Raises:
            TableError: if credit and turns differ in number.
        """
        if len(credit.advantage) != len(turns):
            raise TableError(f"credit for {len(credit.advantage)} turns, but {len(turns)} turns were given")
        return self.function(credit, turns, **params)


REGISTRY = Registry("token weighter", Weighter)
register, get, names, bind = REGISTRY.register, REGISTRY.get, REGISTRY.names, REGISTRY.bind
