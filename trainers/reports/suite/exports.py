"""A suite as tables for others: rows.csv, cells.csv, suite.json; with pyarrow also rows.parquet."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ....agents.suite import SuiteFigures
from ....files import write_whole
from ....tables import csv_of

_LEFT_OUT = ("patch", "metrics")
NO_PARQUET = "rows.parquet was not written: it needs pyarrow (`pip install 'turnwise[parquet]'`)"


def write_exports(found: SuiteFigures, out: Path) -> list[str]:
    """Write the tables.

    Returns:
        what was not written, and why.
    """
    rows = list(_rows(found))
    write_whole(out / "suite.json", json.dumps(found.document(), indent=2, sort_keys=True).encode() + b"\n")
    write_whole(out / "rows.csv", csv_of(rows))
    write_whole(out / "cells.csv", csv_of(_flat(cell.document()) for cell in found.cells))
    try:
        import pyarrow as arrow
        import pyarrow.parquet as parquet
    except ImportError:
        return [NO_PARQUET]
    buffer = io.BytesIO()
    parquet.write_table(arrow.Table.from_pylist(rows), buffer)
    write_whole(out / "rows.parquet", buffer.getvalue())
    return []


def _rows(found: SuiteFigures) -> Iterable[dict[str, Any]]:
    for cell in found.cells:
        for row in cell.rows:
            values = {name: value for name, value in row.document().items() if name not in _LEFT_OUT}
            filled = {"filtered": 0, "cause": "", "prompt_tokens": 0, **values}
            yield {"agent": cell.agent, "environment": cell.env, **filled}


def _flat(document: Mapping[str, Any]) -> dict[str, Any]:
    causes = "; ".join(f"{cause} {number}" for cause, number in document["causes"].items())
    return {**document, "causes": causes}
