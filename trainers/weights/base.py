"""How the credit of a turn reaches its tokens: token weighters by name.

A weighter is a pure function of a Credit and the turns it belongs to; it
returns one float64 array a turn, one number a generated token (forced tokens
too; the learner leaves them out). One registered with `takes_lesson=True` also gets a
Lesson: which turns are learned from and are a group, and how far the run is.
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


@dataclass(frozen=True, slots=True)
class Lesson:
    """What a weighter may know of the update beside credit and turns.

    Args:
        learned_R: which of the turns are learned from.
        progress: how much of the run is done, from 0 to 1.
        group_R: the group of each turn, as a number.
    """

    learned_R: NDArray[np.bool_]
    progress: float
    group_R: NDArray[np.int64]


@dataclass(eq=False)
class Weighter(Named[list[Floats]]):
    """A registered token weighter: call it with a credit and the turns it belongs to.

    Args:
        takes_lesson: whether the function takes a Lesson as a third argument.
    """

    takes_lesson: bool = False

    def apply(
        self, credit: Credit, turns: Sequence[Turn], lesson: Lesson | None = None, **params: Any
    ) -> list[Floats]:
        """Return the advantage of every generated token, one array a turn.

        Args:
            credit: of the turns.
            turns: with their tokens.
            lesson: None: all turns are learned from, at the beginning of a run, and are one group.
            params: the function's own.

        Raises:
            TableError: if credit and turns differ in number.
        """
        if len(credit.advantage) != len(turns):
            raise TableError(f"credit for {len(credit.advantage)} turns, but {len(turns)} turns were given")
        if not self.takes_lesson:
            return self.function(credit, turns, **params)
        number = len(turns)
        lesson = lesson or Lesson(np.ones(number, np.bool_), 0.0, np.zeros(number, np.int64))
        return self.function(credit, turns, lesson, **params)


REGISTRY = Registry("token weighter", Weighter)
register, get, names, bind = REGISTRY.register, REGISTRY.get, REGISTRY.names, REGISTRY.bind
