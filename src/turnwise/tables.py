"""Results as tables: rows of plain values, and pandas where it is installed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .errors import UsageError


def frame(rows: Sequence[Mapping[str, Any]]) -> Any:
    """Return rows as a pandas.DataFrame, one column a key.

    Raises:
        UsageError: if pandas is not installed.
    """
    try:
        import pandas
    except ImportError as error:
        raise UsageError("tables of pandas need it: pip install 'turnwise[tables]'") from error
    return pandas.DataFrame([dict(row) for row in rows])
