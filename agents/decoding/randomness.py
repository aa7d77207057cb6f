"""Random numbers that depend on a request's key alone.

A generator that is counted on from request to request would make a generation
depend on what else was in the batch. Here each key opens its own stream of the
counter-based generator Philox (Salmon et al., "Parallel random numbers: as easy
as 1, 2, 3", SC 2011), and place i of a generation uses its i-th number.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def uniforms(key: Sequence[int], count: int) -> NDArray[np.float64]:
    """Return the first `count` numbers in [0, 1) of a key's stream.

    Longer requests extend shorter ones: `uniforms(k, 9)[:4] == uniforms(k, 4)`.
    """
    digest = hashlib.blake2b(",".join(map(str, key)).encode(), digest_size=16).digest()
    return np.random.Generator(np.random.Philox(key=int.from_bytes(digest, "little"))).random(count)
