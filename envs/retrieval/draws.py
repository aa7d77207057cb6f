"""Draws that depend on a text alone: the same in every process and for every order of asking."""

from __future__ import annotations

import hashlib


def draw(key: str, count: int) -> int:
    """Draw a number below `count` from the hash of a text."""
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big") % count
