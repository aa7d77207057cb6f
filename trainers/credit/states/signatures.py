"""States told by what was done before, and actions by their first words: signatures instead of texts.

Shapes: _N rows (turns).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ....errors import UsageError
from ..table.columns import IntArray, combine, factorise
from ..table.table import TurnTable


def action_signatures(table: TurnTable, words: int, method: str) -> IntArray:
    """Return codes of equal actions [N].

    Args:
        table: the batch; needs column action.
        words: compare as many leading words alone; 0: the whole text.
        method: who asks, for messages.

    Raises:
        UsageError: if words is negative.
    """
    if words < 0:
        raise UsageError(f"{method}: words={words}; expected 0 for the whole action, or a number of words")
    action_N = table.codes("action", method)
    if words == 0:
        return action_N
    names = np.empty(int(action_N.max(initial=-1)) + 1, dtype=object)
    names[action_N] = table.column("action")
    short, _ = factorise([" ".join(str(name).split()[:words]) for name in names])
    return short[action_N]


def done_before(table: TurnTable, action_N: IntArray) -> IntArray:
    """Return codes of equal sets of actions taken before a turn in its trajectory, per prompt group [N].

    Neither the order of actions nor how often one was taken matters. A set is known by the sum of a
    64-bit number of each of its actions: among 100 000 turns two sets are taken for one with a
    probability below 1e-9.

    Args:
        table: the batch.
        action_N: the code of each turn's action.
    """
    pair_N = combine(table.trajectory, action_N)
    new_N = first_rows(pair_N)
    added_N = np.where(new_N, _numbers(action_N), np.uint64(0))
    before_N = np.cumsum(added_N, dtype=np.uint64) - added_N
    begun_N = before_N[table.first_rows[table.trajectory]] if len(table) else before_N
    _, set_N = np.unique(before_N - begun_N, return_inverse=True)
    return combine(table.group, set_N.astype(np.int64))


def first_rows(code_N: IntArray) -> NDArray[np.bool_]:
    """Tell which rows are the first of their code; codes are numbered by first appearance [N]."""
    highest_N = np.maximum.accumulate(np.append(-1, code_N))
    new_N: NDArray[np.bool_] = code_N > highest_N[:-1]
    return new_N


def _numbers(code_N: IntArray) -> NDArray[np.uint64]:
    """Return a number of 64 well-mixed bits for each code (splitmix64: Steele, Lea and Flood, 2014) [N]."""
    mixed_N = (code_N.astype(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    mixed_N = (mixed_N ^ (mixed_N >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed_N = (mixed_N ^ (mixed_N >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed_N ^ (mixed_N >> np.uint64(31))
