"""The one rule for the seeds of tasks, the same in this process and behind a server."""

from __future__ import annotations

import numpy as np

from ..errors import UsageError

__all__ = ["SEED_END", "checked_seed"]

SEED_END = 1 << 62


def checked_seed(seed: object) -> int | None:
    """Return a seed as an int, or None where none was given.

    Args:
        seed: a whole number from 0 below 2**62, of Python or numpy; True is none.

    Raises:
        UsageError: if it is anything else.
    """
    if seed is None:
        return None
    if isinstance(seed, int | np.integer) and not isinstance(seed, bool) and 0 <= int(seed) < SEED_END:
        return int(seed)
    raise UsageError(f"seed {seed!r}: expected a whole number from 0 below 2**62, or None")
