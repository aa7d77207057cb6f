"""What hidden cases returned beside what they should have; the standard library alone, outside of the box.

The one comparison of proofs, grading, and the task folders that are written for others.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import NamedTuple


class Compared(NamedTuple):
    """What the output of `judging.py` comes to.

    Args:
        ready: whether the program itself started; if not, nothing was judged.
        passed: case -> whether it returned what was expected; a case that is missing has failed.
        reasons: case that failed -> why, in a few words that give away no value.
        starved: cases for which the machine had no time: nothing is known of them.
    """

    ready: bool
    passed: dict[str, bool]
    reasons: dict[str, str]
    starved: frozenset[str] = frozenset()

    @property
    def resolved(self) -> bool:
        """Whether every case passed, of which there is one at least."""
        return self.ready and bool(self.passed) and all(self.passed.values())


def compare(output: str, expected: Mapping[str, str]) -> Compared:
    """Compare an output with what is expected.

    Args:
        output: what `judging.py` printed; lines that are not its own are passed over.
        expected: case -> encoded value.
    """
    lines = list(_objects(output))
    said: dict[str, dict[str, object]] = {}
    for line in lines:
        said.setdefault(str(line.get("case")), line)
    passed, reasons = {}, {}
    for case, value in expected.items():
        line = said.get(case, {"failed": "no result"})
        passed[case] = line.get("value") == value
        if not passed[case]:
            reasons[case] = str(line.get("failed", "another value than expected"))[:200]
    starved = frozenset(case for case in reasons if said.get(case, {}).get("starved") is True)
    return Compared(any("ready" in line for line in lines), passed, reasons, starved)


def values(output: str) -> dict[str, str]:
    """Return the values in an output, to record them.

    Raises:
        ValueError: naming the cases that returned no value.
    """
    lines = [line for line in _objects(output) if "case" in line]
    failed = [f"{line['case']}: {line['failed']}" for line in lines if "failed" in line]
    if failed or not lines:
        raise ValueError("; ".join(failed) or "there are no cases")
    return {str(line["case"]): str(line["value"]) for line in lines}


def digest(case: str, value: str, salt: str) -> str:
    """Return what stands for a value where the value itself must not lie."""
    return hashlib.sha256(f"{salt}\0{case}\0{value}".encode()).hexdigest()


def digested(output: str, salt: str) -> str:
    """Return an output in which digests stand for values, to compare it with expected digests."""
    lines = _objects(output)
    for line in lines:
        if "value" in line:
            line["value"] = digest(str(line.get("case")), str(line["value"]), salt)
    return "\n".join(map(json.dumps, lines))


def _objects(output: str) -> list[dict[str, object]]:
    found = []
    for line in output.splitlines():
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(value, dict):
            found.append(value)
    return found
