"""The log of a journal: signed records and withdrawals in order, under heads that others can witness."""

from __future__ import annotations

import hmac
import time
import zlib
from pathlib import Path
from typing import Any

import orjson

from ...errors import UsageError
from ...files import write_whole
from .merkle import MerkleTree
from .records import canonical, stamp
from .signing import Operator

_HEAD = "head.json"


class RecordLog:
    """The records of one journal, and withdrawals of them, as leaves of one tree.

    Leaves are kept as they are hashed, packed: a hundred thousand records are to fit into a server.

    Args:
        id: of the log, made with it.
        operator: signs its heads, and keeps the last one beside the keys.
    """

    def __init__(self, id: str, operator: Operator) -> None:
        self.id, self._operator = id, operator
        self._tree = MerkleTree()
        self._records: dict[str, tuple[int, bytes]] = {}
        self._withdrawals: dict[str, tuple[int, bytes]] = {}

    def __len__(self) -> int:
        return len(self._tree)

    def add(self, envelope: dict[str, Any]) -> None:
        """Add a signed record or withdrawal."""
        leaf = canonical(envelope)
        place, packed = self._tree.add(leaf), zlib.compress(leaf, 1)
        if "record" in envelope:
            self._records[envelope["record"]["run"]] = (place, packed)
        else:
            self._withdrawals[envelope["withdrawal"]["run"]] = (place, packed)

    def holds(self, run: str) -> bool:
        """Tell whether the log has the record of a run."""
        return run in self._records

    def is_withdrawn(self, run: str) -> bool:
        """Tell whether a run was withdrawn."""
        return run in self._withdrawals

    def record(self, run: str) -> dict[str, Any]:
        """Return the record of a run that has one, without its signature."""
        found: dict[str, Any] = orjson.loads(zlib.decompress(self._records[run][1]))["record"]
        return found

    def head(self, size: int | None = None) -> dict[str, Any]:
        """Return the signed head over the first `size` records, all by default."""
        size = len(self) if size is None else size
        body = {"log": self.id, "size": size, "root": self._tree.root(size).hex(), "time": stamp(time.time())}
        return {
            "head": body,
            "key": self._operator.key.id,
            "signature": self._operator.sign("head", canonical(body)),
        }

    def proven(self, run: str) -> dict[str, Any] | None:
        """Return the record of a run with the proof that it is in the log; None where it has none.

        Of one that was withdrawn, the withdrawal with its proof is a member of it.
        """
        if run not in self._records:
            return None
        shown = {**self._proven(*self._records[run]), "head": self.head()}
        if run in self._withdrawals:
            shown["withdrawal"] = self._proven(*self._withdrawals[run])
        return shown

    def since(self, size: int) -> dict[str, Any]:
        """Return the head with the proof that the log still begins with its first `size` records."""
        proof = self._tree.consistency(size, len(self))
        return {"first": size, "proof": [part.hex() for part in proof], "head": self.head()}

    def keep_head(self, size: int) -> None:
        """Write the head beside the keys, so that a journal put back to an earlier day is noticed."""
        write_whole(self._head_file, orjson.dumps(self.head(size), option=orjson.OPT_INDENT_2) + b"\n")

    def check_head(self) -> None:
        """Refuse a journal that does not hold what the head beside the keys says.

        Raises:
            UsageError: if records are missing, or are other ones.
        """
        if not self._head_file.exists():
            return
        try:
            kept = orjson.loads(self._head_file.read_bytes())["head"]
            log, size, root = kept["log"], kept["size"], bytes.fromhex(kept["root"])
        except (OSError, ValueError, LookupError, TypeError) as error:
            raise UsageError(f"{self._head_file}: is no head of a log: {error}") from error
        if log != self.id:
            what = f"is of the log {log}, the journal holds the log {self.id}"
        elif size > len(self):
            what = f"tells of {size} records, the journal holds {len(self)}"
        elif not hmac.compare_digest(self._tree.root(size), root):
            what = f"tells of other records than the first {size} of the journal"
        else:
            return
        raise UsageError(
            f"{self._head_file}: {what}; expected the journal that was written under these keys: "
            "put it back, or begin with a new folder of an operator"
        )

    def _proven(self, place: int, packed: bytes) -> dict[str, Any]:
        proof = self._tree.inclusion(place, len(self))
        return {**orjson.loads(zlib.decompress(packed)), "proof": [part.hex() for part in proof]}

    @property
    def _head_file(self) -> Path:
        return self._operator.folder / _HEAD
