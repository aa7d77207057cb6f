"""One figure over the members of a group: its mean, what lies between the least and the most, an interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Self

from ...intervals import student_mean


@dataclass(frozen=True, slots=True)
class Spread:
    """A figure of several members.

    Args:
        values: of each, in order.
    """

    values: tuple[float, ...]

    @classmethod
    def of(cls, values: Sequence[float | None]) -> Self | None:
        """Make it of figures; None if one of them is not known."""
        known = [value for value in values if value is not None]
        return cls(tuple(known)) if known and len(known) == len(values) else None

    @property
    def mean(self) -> float:
        """Return their mean."""
        return fmean(self.values)

    @property
    def least(self) -> float:
        """Return the least of them."""
        return min(self.values)

    @property
    def most(self) -> float:
        """Return the most of them."""
        return max(self.values)

    @property
    def interval(self) -> tuple[float, float] | None:
        """Return the 95 % interval of their mean by Student's law; None of one value."""
        return student_mean(self.values)
