"""A credit method by its name, or a function of a file of one's own."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from ....errors import TableError, UsageError
from ....files import load_object
from ...credit import Credit, TurnTable, get
from ...credit.base import Estimator


def find_method(place: str) -> Estimator:
    """Return an estimator.

    Args:
        place: the name of a registered one, or FILE.py:FUNCTION. A function takes a table
            and returns a Credit, or an advantage for each turn; its keyword-only parameters are
            the method's. One that is registered where it stands may declare value heads.

    Raises:
        UnknownName: for another name.
        UsageError: if the file cannot be imported, or holds no such function.
    """
    if ".py" not in place:
        return get(place)
    found = load_object(place, given=f"method {place!r}")
    if isinstance(found, Estimator):
        return found
    if not callable(found) or inspect.isclass(found):
        raise UsageError(f"{place} is {type(found).__name__}; expected a function of a turn table")
    parameters = inspect.signature(found).parameters.values()
    defaults = {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}
    return Estimator("credit estimator", place, _as_credit(found, place), defaults)


def _as_credit(function: Callable[..., Any], place: str) -> Callable[..., Credit]:
    """Return the function with a Credit for its answer, whatever sequence of numbers it gives."""

    def assigned(table: TurnTable, **params: Any) -> Credit:
        given = function(table, **params)
        if isinstance(given, Credit):
            return given
        try:
            return Credit(np.array(given, dtype=np.float64))
        except (TypeError, ValueError) as error:
            raise TableError(
                f"{place} returned {type(given).__name__}; expected an advantage a turn"
            ) from error

    return assigned
