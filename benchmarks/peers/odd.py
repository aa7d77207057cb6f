"""Odd rewards that the scripts of the wire share, and when what came of one is right."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from faults import Found

REWARDS: dict[str, Any] = {
    "shape (1,)": np.array([1.0]),
    "numpy": np.float32(1.0),
    "text '1.0'": "1.0",
    "nan": float("nan"),
}
HALF = "half \ud800"


def judge(found: Found, name: str, came: Any) -> None:
    """Write down what became of a reward: a number, or the error that refused it.

    What is refused by an error is right, but for a number of numpy; a text may be the number that it
    spells, and nan may stay what it is.
    """
    if isinstance(came, Exception):
        found.add(name, name != "numpy", f"refused by {type(came).__name__}")
    elif came is None or not isinstance(came, int | float):
        found.add(name, False, f"becomes {came!r}")
    else:
        found.add(name, math.isnan(came) if name == "nan" else came == 1.0, came)
