"""Scored turns as a table for others."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

from ....agents.rows import NEEDS_PYARROW
from ....errors import UsageError
from ....files import write_whole
from .score import Scored


def write_rows(scored: Sequence[Scored], path: Path) -> int:
    """Write one row a method and turn as parquet, whole or not at all; return how many rows.

    Raises:
        UsageError: if pyarrow is not installed.
    """
    try:
        import pyarrow as arrow
        import pyarrow.parquet as parquet
    except ImportError as error:
        raise UsageError(NEEDS_PYARROW) from error
    rows = [row for one in scored for row in one.rows()]
    buffer = io.BytesIO()
    parquet.write_table(arrow.Table.from_pylist(rows), buffer)
    write_whole(path, buffer.getvalue())
    return len(rows)
