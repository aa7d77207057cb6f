"""Records checked offline, with the operator's public keys and nothing else.

What is checked: the signature, and that its key may sign; that the score is what its tasks say; that the
log holds the record at its place, under a signed head; that no two records are the same run or stand at
the same place; and, with an older head that somebody has witnessed, that the log has only grown since.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ...errors import UsageError
from .merkle import HASH_BYTES, MerkleTree, grows, includes
from .records import SCHEMA, canonical
from .signing import PublicKey, Purpose

_MAX_BYTES = 64 << 20
_LATE_S = 60.0  # a clock may be set while a run is closed


@dataclass(frozen=True, slots=True)
class Checked:
    """What was found of one record: its document, and what is wrong with it; nothing if it is sound."""

    record: Mapping[str, Any]
    problems: tuple[str, ...] = field(default_factory=tuple)


def read_document(content: bytes, where: str) -> dict[str, Any]:
    """Read a record, a head or a proof as it was given out.

    Raises:
        UsageError: if it is not a JSON object, is too long, or says a thing twice.
    """
    if len(content) > _MAX_BYTES:
        raise UsageError(f"{where}: {len(content)} bytes; expected at most {_MAX_BYTES}")

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            raise ValueError("a member stands twice in one object")
        return found

    try:
        document = json.loads(content, object_pairs_hook=once, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{where}: is not JSON as it was given out: {error}") from error
    if not isinstance(document, dict):
        raise UsageError(f"{where}: holds {type(document).__name__}; expected an object")
    return document


def check(envelope: Mapping[str, Any], keys: Mapping[str, PublicKey]) -> Checked:
    """Check one record by itself: never raises, whatever it holds."""
    record = envelope.get("record")
    if not isinstance(record, dict):
        return Checked({}, ("holds no record",))
    problems: list[str] = []
    for find in (_of_signature, _of_log, _of_score):
        try:
            problems += find(envelope, record, keys)
        except (LookupError, TypeError, ValueError, AttributeError, OverflowError) as error:
            problems.append(f"is not in the form of a record: {type(error).__name__}: {error}")
    return Checked(record, tuple(problems))


def check_all(envelopes: Iterable[Mapping[str, Any]], keys: Mapping[str, PublicKey]) -> list[Checked]:
    """Check records together: one that is shown twice, or stands where another does, is found."""
    found, seen = list[Checked](), dict[tuple[Any, ...], int]()
    for number, envelope in enumerate(envelopes):
        one = check(envelope, keys)
        more = []
        log = one.record.get("log")
        place = log.get("place") if isinstance(log, dict) else None
        for what, name in (("run", one.record.get("run")), ("place in the log", place)):
            former = seen.setdefault((what, str(name)), number)
            if former != number:
                more.append(f"is of the same {what} as record {former}")
        found.append(Checked(one.record, (*one.problems, *more)))
    return found


def check_log(
    envelopes: Sequence[Mapping[str, Any]], head: Mapping[str, Any], keys: Mapping[str, PublicKey]
) -> list[str]:
    """Check that a head is over exactly these records, in this order; return what is wrong."""
    tree = MerkleTree()
    problems = []
    for place, envelope in enumerate(envelopes):
        leaf = {name: envelope.get(name) for name in ("record", "key", "signature")}
        tree.add(canonical(leaf))
        log = (envelope.get("record") or {}).get("log")
        if not isinstance(log, dict) or log.get("place") != place:
            problems.append(f"record {place} says that it stands at another place")
    problems += _of_head(head, keys)
    body = head["head"]
    if body["size"] != len(tree):
        problems.append(f"the head is over {body['size']} records, and there are {len(tree)}")
    elif body["root"] != tree.root().hex():
        problems.append("the head is over other records, or in another order")
    return problems


def check_growth(
    old: Mapping[str, Any], proof: Mapping[str, Any], keys: Mapping[str, PublicKey]
) -> list[str]:
    """Check that the log of a newer head begins with all of an older one that was witnessed."""
    new = proof["head"]
    problems = [*_of_head(old, keys), *_of_head(new, keys)]
    before, after = old["head"], new["head"]
    parts = [bytes.fromhex(part) for part in proof["proof"]]
    if before["log"] != after["log"]:
        problems.append("the heads are of different logs")
    elif not grows(
        before["size"], after["size"], bytes.fromhex(before["root"]), bytes.fromhex(after["root"]), parts
    ):
        problems.append("the log does not begin with what was witnessed: its past was rewritten")
    return problems


def _of_signature(
    envelope: Mapping[str, Any], record: Mapping[str, Any], keys: Mapping[str, PublicKey]
) -> list[str]:
    if record["schema"] != SCHEMA:
        return [f"has schema {record['schema']!r}; this turnwise checks schema {SCHEMA}"]
    key = keys.get(str(envelope.get("key")))
    if key is None:
        return [f"is signed by a key {str(envelope.get('key'))[:40]!r} that is not among the public keys"]
    if not _is_signed(key, "record", record, envelope):
        return ["the signature is not over this record"]
    ended = _seconds(record["ended"])
    if key.retired and ended > key.retired + _LATE_S:
        return [f"is newer than its key {key.id}, which has retired"]
    if key.revoked and not _witnessed(envelope, keys):
        why = key.reason or "no reason given"
        return [f"its key {key.id} was revoked ({why}), and no log of a key that stands holds it"]
    return []


def _witnessed(envelope: Mapping[str, Any], keys: Mapping[str, PublicKey]) -> bool:
    """Tell whether a head of another key than the record's, one that stands, is over the record."""
    signed_by = str((envelope.get("head") or {}).get("key"))
    key = keys.get(signed_by)
    return key is not None and not key.revoked and signed_by != envelope.get("key")


def _of_log(
    envelope: Mapping[str, Any], record: Mapping[str, Any], keys: Mapping[str, PublicKey]
) -> list[str]:
    if "head" not in envelope:
        return ["comes without the head of its log"]
    problems = _of_head(envelope["head"], keys)
    head, log = envelope["head"]["head"], record["log"]
    parts = [bytes.fromhex(part) for part in envelope["proof"]]
    leaf = canonical({name: envelope[name] for name in ("record", "key", "signature")})
    if head["log"] != log["id"]:
        problems.append("the head is of another log")
    elif any(len(part) != HASH_BYTES for part in parts) or not includes(
        leaf, log["place"], head["size"], parts, bytes.fromhex(head["root"])
    ):
        problems.append("the proof does not show that the log holds this record at its place")
    return problems


def _of_head(head: Mapping[str, Any], keys: Mapping[str, PublicKey]) -> list[str]:
    key = keys.get(str(head.get("key")))
    if key is None:
        return ["the head is signed by a key that is not among the public keys"]
    if not _is_signed(key, "head", head["head"], head):
        return ["the signature of the head is not over it"]
    if key.retired and _seconds(head["head"]["time"]) > key.retired + _LATE_S:
        return [f"the head is newer than its key {key.id}, which has retired"]
    return [f"the head is signed by a key {key.id} that was revoked"] if key.revoked else []


def _of_score(
    _envelope: Mapping[str, Any], record: Mapping[str, Any], _keys: Mapping[str, PublicKey]
) -> list[str]:
    """Check that the figures are those of the tasks."""
    measured, benchmark = record["measured"], record["benchmark"]
    rows = measured["tasks"]
    values = [_value(row, benchmark) for row in rows]
    known = [value for value in values if value is not None]
    mean = sum(known) / len(known) if rows and len(known) == len(values) else None
    problems = []
    if [row["task"] for row in rows] != list(range(len(rows))) or not rows:
        problems.append("its tasks are not all there, in order")
    if (mean is None) != (measured["score"] is None) or (
        mean is not None and not math.isclose(mean, measured["score"], rel_tol=1e-9, abs_tol=1e-9)
    ):
        problems.append(f"its score is {measured['score']}, that of its tasks {mean}")
    if measured["turns"] != sum(row["turns"] for row in rows):
        problems.append("its turns are not those of its tasks")
    return problems


def _value(row: Mapping[str, Any], benchmark: Mapping[str, Any]) -> float | None:
    if not row["finished"]:
        return float(benchmark["lost"])
    value = row[benchmark["metric"]]
    return None if value is None else float(value)


def _is_signed(key: PublicKey, purpose: Purpose, content: Any, around: Mapping[str, Any]) -> bool:
    return key.verifies(purpose, canonical(content), bytes.fromhex(str(around.get("signature"))))


def _seconds(stamp: str) -> float:
    return datetime.fromisoformat(stamp).timestamp()


def _no_constant(name: str) -> Any:
    raise ValueError(f"the number {name}")
