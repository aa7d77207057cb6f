"""The declaration of how tokens are drawn.

1. Numbers out of range are refused, naming the number and what was expected.
2. The defaults change nothing.
"""

from __future__ import annotations

import pytest

from turnwise.agents.sampling import NEUTRAL, Sampling
from turnwise.errors import UsageError


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"temperature": -1.0}, "temperature -1.0; expected 0"),
        ({"temperature": float("nan")}, "temperature nan"),
        ({"top_p": 0.0}, "top_p 0.0"),
        ({"top_k": -1}, "top_k -1"),
    ],
)
def test_numbers_out_of_range_are_refused(changes: dict[str, float], reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        Sampling(**changes)  # type: ignore[arg-type]


def test_the_defaults_are_the_policys_own_distribution() -> None:
    assert (NEUTRAL.temperature, NEUTRAL.top_p, NEUTRAL.top_k) == (1.0, 1.0, 0)
