"""Groups of similar states, exactly as difflib defines similarity, with cheap bounds first.

A state joins the first group whose first member it resembles: ratio >= threshold
with ratio = 2 M / (len(a) + len(b)) and M the characters in difflib's matching
blocks. M is bounded from above by the characters that the texts have in common,
whatever their order, then by their longest common subsequence; only pairs that
pass both are matched by difflib, and only until the answer is certain.
"""

from __future__ import annotations

from difflib import SequenceMatcher

import numpy as np
from numpy.typing import NDArray

from ...errors import TableError, UsageError
from .columns import IntArray, combine
from .table import TurnTable

__all__ = ["similar_groups"]

_BUCKETS = 512


def similar_groups(table: TurnTable, threshold: float, autojunk: bool, method: str) -> IntArray:
    """Return the code of each turn's group of similar states [N], by first appearance.

    Greedy in the order of rows, inside each prompt group, as in the published
    code of GiGPO: `SequenceMatcher(None, key, first, autojunk).ratio() >= threshold`.

    Raises:
        UsageError: if the threshold is not in (0, 1].
        TableError: if a state key is no text.
    """
    if not 0.0 < threshold <= 1.0:
        raise UsageError(f"similarity={threshold!r}: expected a ratio above 0, at most 1, e.g. 0.9")
    anchor_N = table.anchors(method)  # equal keys get equal groups, so each is placed once
    _, first_row_K = np.unique(anchor_N, return_index=True)
    texts = table.column("state_key")[first_row_K].tolist()
    for text, row in zip(texts, first_row_K.tolist(), strict=True):
        if not isinstance(text, str):
            raise TableError(
                f"state_key of {table.where(row)} is {type(text).__name__}; similarity compares text"
            )
    group_K = table.group[first_row_K]
    place_K = np.zeros(len(texts), dtype=np.int64)
    for group in range(table.num_groups):
        members = np.flatnonzero(group_K == group)
        place_K[members] = _cluster([texts[k] for k in members.tolist()], threshold, autojunk)
    return combine(table.group, place_K[anchor_N])


def _cluster(texts: list[str], threshold: float, autojunk: bool) -> list[int]:
    """Return the cluster of each text; texts are distinct and in the order of rows."""
    counts_KA = _character_counts(texts)
    firsts: list[_First] = []
    firsts_CA = np.empty_like(counts_KA)
    lengths_C = np.empty(len(texts))
    places = []
    for text, counts_A in zip(texts, counts_KA, strict=True):
        known = len(firsts)
        shared_C = np.minimum(firsts_CA[:known], counts_A).sum(axis=1)
        hopeful = np.flatnonzero(2.0 * shared_C >= threshold * (lengths_C[:known] + len(text)) * (1 - 1e-12))
        place = next((c for c in hopeful.tolist() if firsts[c].resembles(text, threshold)), known)
        if place == known:
            firsts.append(_First(text, autojunk))
            firsts_CA[known] = counts_A
            lengths_C[known] = len(text)
        places.append(place)
    return places


def _character_counts(texts: list[str]) -> NDArray[np.int32]:
    """Return how often each text has each character [texts, characters]; rare ones share a column."""
    codes = [np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32) for text in texts]
    if not codes:
        return np.zeros((0, 0), dtype=np.int32)
    used, column = np.unique(np.concatenate(codes), return_inverse=True)
    width = min(used.size, _BUCKETS)
    row = np.repeat(np.arange(len(texts)), [len(text) for text in texts])
    flat = np.bincount(row * width + column % width, minlength=len(texts) * width)
    return flat.reshape(len(texts), width).astype(np.int32)


class _First:
    """Be the first text of a cluster, ready to be compared with others."""

    def __init__(self, text: str, autojunk: bool) -> None:
        self._text = text
        self._matcher = SequenceMatcher(None, "", text, autojunk)
        self._bits: dict[str, int] = {}
        for place, character in enumerate(text):
            self._bits[character] = self._bits.get(character, 0) | (1 << place)

    def resembles(self, other: str, threshold: float) -> bool:
        """Tell whether difflib's ratio of the other text to this one reaches the threshold."""
        total = len(self._text) + len(other)
        if total == 0:
            return True
        if 2.0 * self._common_subsequence(other) / total < threshold:
            return False
        return self._matches(other, threshold, total)

    def _common_subsequence(self, other: str) -> int:
        """Return the length of the longest common subsequence (Hyyro 2004, bit-parallel)."""
        full = (1 << len(self._text)) - 1
        free = full
        for character in other:
            hit = free & self._bits.get(character, 0)
            if hit:
                free = ((free + hit) | (free - hit)) & full
        return len(self._text) - free.bit_count()

    def _matches(self, other: str, threshold: float, total: int) -> bool:
        """Sum difflib's matching blocks until the threshold is reached or out of reach."""
        self._matcher.set_seq1(other)
        waiting = [(0, len(other), 0, len(self._text))]
        matched, possible = 0, min(len(other), len(self._text))
        while waiting:
            a_low, a_high, b_low, b_high = waiting.pop()
            possible -= min(a_high - a_low, b_high - b_low)
            a, b, size = self._matcher.find_longest_match(a_low, a_high, b_low, b_high)
            if size:
                matched += size
                for rest in ((a_low, a, b_low, b), (a + size, a_high, b + size, b_high)):
                    if rest[0] < rest[1] and rest[2] < rest[3]:
                        waiting.append(rest)
                        possible += min(rest[1] - rest[0], rest[3] - rest[2])
            if 2.0 * matched / total >= threshold:
                return True
            if 2.0 * (matched + possible) / total < threshold:
                return False
        return False
