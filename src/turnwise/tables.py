"""Results as tables: rows of plain values as CSV, and in pandas where it is installed."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .errors import UsageError

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


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


def csv_of(rows: Iterable[Mapping[str, Any]]) -> bytes:
    """Return rows as CSV (RFC 4180); a text that a spreadsheet would run as a formula gets a ' before it."""
    text = io.StringIO(newline="")
    writer: csv.DictWriter[str] | None = None
    for row in rows:
        if writer is None:
            writer = csv.DictWriter(text, list(row))
            writer.writeheader()
        writer.writerow({name: _harmless(value) for name, value in row.items()})
    return text.getvalue().encode("utf-8", "backslashreplace")


def _harmless(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
