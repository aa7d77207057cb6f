"""Groups of similar states, exactly as difflib defines similarity, with cheap bounds first.

A state joins the first group whose first member it resembles: ratio >= threshold
with ratio = 2 M / (len(a) + len(b)) and M the characters in difflib's matching
blocks. M is bounded from above by the characters and pairs of characters that the
texts have in common, then by their longest common subsequence; only pairs that
pass both are matched by difflib, and only until the answer is certain.
"""

from __future__ import annotations

from difflib import SequenceMatcher
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ....errors import TableError, UsageError
from ..table.columns import BoolArray, FloatArray, IntArray, combine
from ..table.table import TurnTable
from .ceilings import Ceilings
from .subsequence import Subsequences


def similar_groups(table: TurnTable, threshold: float, autojunk: bool, method: str) -> IntArray:
    """Return the code of each turn's group of similar states [N], by first appearance.

    Greedy in the order of rows, inside each prompt group, as in the published
    code of GiGPO: `SequenceMatcher(None, key, first, autojunk).ratio() >= threshold`.

    Raises:
        UsageError: if the threshold is not in (0, 1].
        TableError: if a state key is not text.
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
    ceilings = Ceilings(texts)
    firsts = Subsequences()
    matchers: list[_Matcher] = []
    lengths_C = np.empty(len(texts))
    places = []
    for k, text in enumerate(texts):
        known = len(matchers)
        total_C = lengths_C[:known] + len(text)
        hopeful = np.flatnonzero(_reaches(ceilings.by_characters(k), total_C, threshold))
        if hopeful.size:
            hopeful = hopeful[_reaches(ceilings.by_pairs(k)[hopeful], total_C[hopeful], threshold)]
        common = firsts.common(text, hopeful)
        hopeful = hopeful[_reaches(common, total_C[hopeful], threshold)]
        place = next((c for c in hopeful.tolist() if matchers[c].resembles(text, threshold)), known)
        if place == known:
            matchers.append(_Matcher(text, autojunk))
            firsts.add(text)
            ceilings.hold(k)
            lengths_C[known] = len(text)
        places.append(place)
    return places


def _reaches(matched: NDArray[Any], total: FloatArray, threshold: float) -> BoolArray:
    """Tell where so many matched characters reach the threshold, in difflib's own arithmetic."""
    reached: BoolArray = np.where(total > 0, 2.0 * matched / np.maximum(total, 1), 1.0) >= threshold
    return reached


class _Matcher:
    """The first text of a cluster, ready for difflib to compare others with it."""

    def __init__(self, text: str, autojunk: bool) -> None:
        self._text, self._autojunk = text, autojunk
        self._prepared: SequenceMatcher[str] | None = None

    def resembles(self, other: str, threshold: float) -> bool:
        """Sum difflib's matching blocks until the threshold is reached or out of reach."""
        total = len(other) + len(self._text)
        if total == 0:
            return True
        if self._prepared is None:
            self._prepared = SequenceMatcher(None, "", self._text, self._autojunk)
        self._prepared.set_seq1(other)
        waiting = [(0, len(other), 0, len(self._text))]
        matched, possible = 0, min(len(other), len(self._text))
        while waiting:
            a_low, a_high, b_low, b_high = waiting.pop()
            possible -= min(a_high - a_low, b_high - b_low)
            a, b, size = self._prepared.find_longest_match(a_low, a_high, b_low, b_high)
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
