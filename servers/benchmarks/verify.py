"""Records checked offline, with the operator's public keys and nothing else.

What is checked: the signature, and that its key may sign; that the score is what its tasks say; that the
log holds the record at its place, under a signed head; that no two records are the same run or stand at
the same place; and, with an older head that somebody has witnessed, that the log has only grown since. A
withdrawal is checked as a record is; that none was left out shows where all leaves of a log are given.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from ...errors import UsageError
from .merkle import HASH_BYTES, MerkleTree, grows, includes
from .records import SCHEMA, canonical
from .signing import PublicKey, Purpose

_MAX_BYTES = 64 << 20
_LATE_S = 60.0  # a clock may be set while a run is closed
_BROKEN = (LookupError, TypeError, ValueError, AttributeError, OverflowError)


@dataclass(frozen=True, slots=True)
class Checked:
    """What was found of one record.

    Args:
        record: its document.
        problems: what is wrong with it; nothing if it is sound.
        withdrawn: why the operator has withdrawn it, "" if it stands.
    """

    record: Mapping[str, Any]
    problems: tuple[str, ...] = field(default_factory=tuple)
    withdrawn: str = ""


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
    for find in (_of_signature, _of_log, _of_score, _of_withdrawal):
        try:
            problems += find(envelope, record, keys)
        except _BROKEN as error:
            problems.append(f"is not in the form of a record: {type(error).__name__}: {error}")
    if problems or "withdrawal" not in envelope:
        return Checked(record, tuple(problems))
    said = envelope["withdrawal"]["withdrawal"]
    return Checked(record, (), f"{said['time']}: {said['reason']}")


def check_all(envelopes: Iterable[Mapping[str, Any]], keys: Mapping[str, PublicKey]) -> list[Checked]:
    """Check records together: one that is shown twice, or stands where another does, is found."""
    found, seen = list[Checked](), dict[tuple[Any, ...], int]()
    for number, envelope in enumerate(envelopes):
        one = check(envelope, keys)
        more = []
        log = one.record.get("log")
        place = (log.get("id"), log.get("place")) if isinstance(log, dict) else None
        for what, name in (("run", one.record.get("run")), ("place in the log", place)):
            former = seen.setdefault((what, str(name)), number)
            if former != number:
                more.append(f"is of the same {what} as record {former}")
        found.append(replace(one, problems=(*one.problems, *more)))
    return found


def check_log(
    envelopes: Sequence[Mapping[str, Any]], head: Mapping[str, Any], keys: Mapping[str, PublicKey]
) -> list[str]:
    """Check that a head is over exactly these leaves, in this order; return what is wrong."""
    tree = MerkleTree()
    problems = []
    for place, envelope in enumerate(envelopes):
        tree.add(leaf_of(envelope))
        log = (envelope.get("record") or envelope.get("withdrawal") or {}).get("log")
        if not isinstance(log, dict) or log.get("place") != place:
            problems.append(f"record {place} says that it stands at another place")
    problems += _of_head(head, keys)
    body = head["head"]
    if body["size"] != len(tree):
        problems.append(f"the head is over {body['size']} records, and there are {len(tree)}")
    elif body["root"] != tree.root().hex():
        problems.append("the head is over other records, or in another order")
    return problems


def check_score(record: Mapping[str, Any]) -> list[str]:
    """Check that the figures of a record, signed or not, are those of its tasks."""
    try:
        return _of_score({}, record, {})
    except _BROKEN as error:
        return [f"is not in the form of a record: {type(error).__name__}: {error}"]


def check_whole(
    envelopes: Iterable[Mapping[str, Any]], head: Mapping[str, Any], keys: Mapping[str, PublicKey]
) -> list[str]:
    """Check that records are all that a head tells of, with their withdrawals, so that none was left out.

    Args:
        envelopes: records as they were given out, in any order; those of other logs do not matter.
        head: of the log, as somebody kept it.
        keys: the public ones.
    """
    try:
        log, size = head["head"]["log"], int(head["head"]["size"])
        leaves: dict[int, Mapping[str, Any]] = {}
        for envelope in envelopes:
            for leaf, kind in ((envelope, "record"), (envelope.get("withdrawal") or {}, "withdrawal")):
                said = leaf.get(kind) or {}
                if said and said["log"]["id"] == log and 0 <= said["log"]["place"] < size:
                    leaves[said["log"]["place"]] = leaf
        if len(leaves) < size:
            return [
                f"the head tells of {size} records and withdrawals, and {size - len(leaves)} of them are not "
                "here: there may be withdrawals among them"
            ]
        return check_log([leaves[place] for place in range(size)], head, keys)
    except _BROKEN as error:
        return [f"the head, or a record, is not in its form: {type(error).__name__}: {error}"]


def check_growth(
    old: Mapping[str, Any], proof: Mapping[str, Any], keys: Mapping[str, PublicKey]
) -> list[str]:
    """Check that the log of a newer head begins with all of an older one that was witnessed."""
    new = proof["head"]
    problems = [*_of_head(old, keys), *_of_head(new, keys)]
    before, after = old["head"], new["head"]
    parts = _hashes(proof["proof"])
    first = proof.get("first", before["size"])
    if before["log"] != after["log"]:
        problems.append("the heads are of different logs")
    elif first != before["size"]:
        problems.append(
            f"the witnessed head is of {before['size']} records and the proof is from {first} on: ask for "
            f"GET /v1/log/{before['size']}"
        )
    elif not grows(before["size"], after["size"], _bytes(before["root"]), _bytes(after["root"]), parts):
        problems.append("the log does not begin with what was witnessed: its past was rewritten")
    return problems


def leaf_of(envelope: Mapping[str, Any]) -> bytes:
    """Return what the log hashes of a record or a withdrawal: no head, and no proof."""
    kind = "record" if "record" in envelope else "withdrawal"
    return canonical({name: envelope.get(name) for name in (kind, "key", "signature")})


def task_value(row: Mapping[str, Any], benchmark: Mapping[str, Any]) -> float | None:
    """Return what a task of a record is worth, by what the record says of its benchmark."""
    if not row["finished"]:
        return float(benchmark["lost"])
    value = row[benchmark["metric"]]
    return None if value is None else float(value)


def _of_signature(
    envelope: Mapping[str, Any],
    said: Mapping[str, Any],
    keys: Mapping[str, PublicKey],
    purpose: Purpose = "record",
) -> list[str]:
    if said["schema"] != SCHEMA:
        return [f"has schema {said['schema']!r}; this turnwise checks schema {SCHEMA}"]
    key = _key_of(envelope, keys)
    if key is None:
        return [f"is signed by a key {str(envelope.get('key'))[:40]!r} that is not among the public keys"]
    if not _is_signed(key, purpose, said, envelope):
        return [f"the signature is not over this {purpose}"]
    ended = _seconds(said["ended" if purpose == "record" else "time"])
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
    return _of_head(envelope["head"], keys) + _of_place(envelope, record, envelope["head"]["head"], "record")


def _of_place(
    envelope: Mapping[str, Any], said: Mapping[str, Any], head: Mapping[str, Any], what: str
) -> list[str]:
    log = said["log"]
    parts = _hashes(envelope["proof"])
    if head["log"] != log["id"]:
        return ["the head is of another log"]
    if any(len(part) != HASH_BYTES for part in parts) or not includes(
        leaf_of(envelope), log["place"], head["size"], parts, _bytes(head["root"])
    ):
        return [f"the proof does not show that the log holds this {what} at its place"]
    return []


def _of_withdrawal(
    envelope: Mapping[str, Any], record: Mapping[str, Any], keys: Mapping[str, PublicKey]
) -> list[str]:
    """Check the withdrawal of a record, where it comes with one, under the same head."""
    if "withdrawal" not in envelope:
        return []
    around = envelope["withdrawal"]
    said = around["withdrawal"]
    problems = _of_signature({**around, "head": envelope["head"]}, said, keys, "withdrawal")
    problems += _of_place(around, said, envelope["head"]["head"], "withdrawal")
    if said["run"] != record["run"]:
        problems.append("is of another run")
    if not isinstance(said["reason"], str):
        problems.append("gives no reason")
    return [f"its withdrawal: {problem}" for problem in problems]


def _of_head(head: Mapping[str, Any], keys: Mapping[str, PublicKey]) -> list[str]:
    key = _key_of(head, keys)
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
    values = [task_value(row, benchmark) for row in rows]
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


def _is_signed(key: PublicKey, purpose: Purpose, content: Any, around: Mapping[str, Any]) -> bool:
    return key.verifies(purpose, canonical(content), _bytes(around["signature"]))


def _key_of(around: Mapping[str, Any], keys: Mapping[str, PublicKey]) -> PublicKey | None:
    name = around.get("key")
    return keys.get(name) if isinstance(name, str) else None


def _hashes(parts: Any) -> list[bytes]:
    if not isinstance(parts, list):
        raise TypeError(f"a proof is {type(parts).__name__}; expected a list")
    return [_bytes(part) for part in parts]


def _bytes(text: Any) -> bytes:
    """Read bytes in the one form in which they are given out: no blanks, no capitals, nothing but a text."""
    content = bytes.fromhex(text)
    if content.hex() != text:
        raise ValueError(f"{text[:40]!r} is not hexadecimal as it was given out")
    return content


def _seconds(stamp: str) -> float:
    return datetime.fromisoformat(stamp).timestamp()


def _no_constant(name: str) -> Any:
    raise ValueError(f"the number {name}")
