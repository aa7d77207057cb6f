"""How often a judge names the cause that the rules name, beyond what chance would."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from .judge import Judged

ALL = "all"


@dataclass(frozen=True, slots=True)
class Agreement:
    """Rules and judge on the lost episodes of one family, or of all.

    Args:
        family: the part of the environments' ids before the slash.
        judged: episodes that both name a cause of; on them the figures are.
        failed: episodes for which the judge named none.
        agreed: on how many both name the same.
        kappa: Cohen's; None where chance alone would have both name the same always, or nothing was judged.
    """

    family: str
    judged: int
    failed: int
    agreed: int
    kappa: float | None

    def document(self) -> dict[str, Any]:
        """Return it as JSON holds it."""
        return asdict(self)


def agreement(found: Sequence[Judged]) -> list[Agreement]:
    """Return how far rules and judge agree: in each family, then in all."""
    families = sorted({one.family for one in found})
    parts = [(family, [one for one in found if one.family == family]) for family in families]
    return [_of(family, rows) for family, rows in [*parts, (ALL, list(found))]]


def kappa(pairs: Sequence[tuple[str, str]]) -> float | None:
    """Return Cohen's kappa of two who name one of several things for each case.

    It is (observed - expected) / (1 - expected) agreement, where the expected is that of two who name as
    often what these name, but by chance (Cohen 1960, Educ. Psychol. Meas. 20, 37-46). It speaks of
    agreement, not of who is right.

    Args:
        pairs: what both name for each case.
    """
    number = len(pairs)
    if not number:
        return None
    one, two = Counter(first for first, _ in pairs), Counter(second for _, second in pairs)
    observed = sum(first == second for first, second in pairs) / number
    expected = sum(count * two[name] for name, count in one.items()) / number**2
    return None if expected == 1.0 else (observed - expected) / (1.0 - expected)


def _of(family: str, rows: Sequence[Judged]) -> Agreement:
    pairs = [(one.rule, one.judged) for one in rows if one.judged]
    return Agreement(
        family, len(pairs), len(rows) - len(pairs), sum(one == two for one, two in pairs), kappa(pairs)
    )
