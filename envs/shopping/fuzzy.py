"""Likeness of two texts, as the original measures it: thefuzz's token_set_ratio.

thefuzz drops the characters from U+0080 to U+00FF, lowers the text, turns what is
neither letter nor digit into blanks, and rounds; rapidfuzz alone does none of it.
"""

from __future__ import annotations

import functools

from rapidfuzz import fuzz
from rapidfuzz.utils import default_process

LIKE = 85  # above this two texts count as the same in the original reward

_NOT_ASCII = dict.fromkeys(range(128, 256))


@functools.lru_cache(maxsize=65_536)
def token_set_ratio(first: str, second: str) -> int:
    """Return from 0 to 100 how alike the sets of words of two texts are."""
    return round(
        fuzz.token_set_ratio(
            default_process(first.translate(_NOT_ASCII)), default_process(second.translate(_NOT_ASCII))
        )
    )
