"""Records: one signed document a run, a leaf of one log.

`{"record": {...}, "key": ID, "signature": HEX}` is what is signed and what is a leaf: the bytes of its
canonical form. A client is given it with the head of the log and the proof that it is in it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson

from .frozen import Frozen
from .runs import Run
from .score import measured
from .signing import Operator

SCHEMA = 1


def canonical(document: Any) -> bytes:
    """Return the one form of a document that is signed: keys in order, no blanks, UTF-8."""
    return orjson.dumps(document, option=orjson.OPT_SORT_KEYS)


def record_of(frozen: Frozen, run: Run, version: str, log: str, place: int) -> dict[str, Any]:
    """Return what is said of a closed run.

    Args:
        frozen: the benchmark.
        run: the run.
        version: of the server.
        log: the id of the log.
        place: where in it the record will stand.
    """
    opening = run.opening
    spent = {"spent": run.spent} if run.spent else {}
    return {
        "schema": SCHEMA,
        "run": run.id,
        "log": {"id": log, "place": place},
        "benchmark": frozen.told,
        "server": {"turnwise": version},
        "key": opening.owner,
        "attempt": opening.attempt,
        "started": stamp(opening.at),
        "ended": stamp(run.closed_at),
        "declared": {"agent": opening.agent, "config": opening.config, **spent},
        "measured": measured(frozen.benchmark, frozen.tasks(run.id), run),
    }


def signed(operator: Operator, record: dict[str, Any]) -> dict[str, Any]:
    """Return a record with its signature."""
    return {"record": record, "key": operator.key.id, "signature": operator.sign("record", canonical(record))}


def stamp(at: float) -> str:
    """Return a time as a text."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
