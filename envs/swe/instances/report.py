"""The order to the referee in a grading box, and its answer: read with suspicion, never believed in part."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import secrets
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from typing import Any, Literal

from ...sandbox import Sandbox
from .logs import Status, Statuses, parser

FOLDER = "/grader"
LOG_CHARS = 20_000
FIND_PYTHON = "python=$(command -v python3 || command -v python) || { echo no Python; exit 127; }"
_MAX_REPORT_BYTES = 1 << 28
_CANARY = """import unittest


def test_WORD():
    assert [1] == ["WORD"]


class TestWORD(unittest.TestCase):
    def test_WORD(self):
        self.assertEqual(1, "WORD")
"""


class Tampered(Exception):
    """What a report says of itself that no honest run could: the sentence for the verdict."""


class NotStarted(Exception):
    """Why no test could run for reasons that lie before any code of the patch: the grader's own failure."""


@dataclass(frozen=True, slots=True)
class Run:
    """What is to be run in the grading box.

    Args:
        kind: pytest and unittest run in the examiner; command is a suite that only its own command runs.
        arguments: for pytest and unittest.
        command: bash, for `command`, with the log parser of that name.
        prelude: bash that makes the image's Python the one that is found.
        seconds: the time limit.
    """

    kind: Literal["pytest", "unittest", "command"]
    arguments: Sequence[str] = ()
    command: str = ""
    parser: str = "pytest"
    prelude: str = ":"
    seconds: float = 1800.0


@dataclass(frozen=True, slots=True)
class Result:
    """What the tests came to: name -> status, the suite's exit code, the end of its output."""

    statuses: Statuses
    code: int
    log: str = ""


@dataclass(slots=True)
class _Secrets:
    key: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    token: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    word: str = field(default_factory=lambda: secrets.token_hex(4))


async def examine(box: Sandbox, run: Run) -> Result:
    """Run tests in a grading box and return what they came to.

    Raises:
        NotStarted: if the image cannot run them: no Python, no pytest.
        Tampered: if the run did not end as it must, or says what cannot be.
        SandboxError: if the box is gone.
    """
    hidden = _Secrets()
    await box.write_tree(_programs(hidden.word), FOLDER, root=True)
    order = json.dumps({"key": hidden.key.hex(), "seconds": run.seconds} | _work(box, run, hidden))
    line = f"{run.prelude}\n{FIND_PYTHON}\nexec $python -I -S {FOLDER}/referee.py"
    ran = await box.run(line, run.seconds + 30.0, order.encode())
    report = _opened(ran.output, hidden.key)
    if report is None:
        if ran.exit_code == 127:
            raise NotStarted(f"no Python in the image: {ran.output[-500:]}")
        raise Tampered(f"the tests ended without a report ({ran.cause}, exit code {ran.exit_code})")
    log = report["log"][-LOG_CHARS:]
    if report["late"]:
        raise Tampered(f"the tests did not end within {run.seconds:g} s")
    if run.kind == "command":
        return Result(parser(run.parser)(report["log"]), report["code"], log)
    try:
        said = _lines(report, hidden.token)
        return Result(_statuses(said), _ending(said, hidden.word, run.kind), log)
    except (LookupError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise Tampered(f"the report is not in its form: {type(error).__name__}") from error


def _programs(word: str) -> dict[str, bytes]:
    inside = resources.files(f"{__package__}.inside")
    canary = _CANARY.replace("WORD", word)
    return {
        "referee.py": (inside / "referee.py").read_bytes(),
        "examiner.py": (inside / "examiner.py").read_bytes(),
        f"suite/test_{word}.py": canary.encode(),
        "suite/canary.ini": b"[pytest]\n",
    }


def _work(box: Sandbox, run: Run, hidden: _Secrets) -> dict[str, Any]:
    if run.kind == "command":
        return {"command": f"cd {box.spec.workdir}\n{run.command}"}
    work = {
        "token": hidden.token.hex(),
        "folder": box.spec.workdir,
        "kind": run.kind,
        "arguments": list(run.arguments),
        "canary": f"{FOLDER}/suite/test_{hidden.word}.py",
    }
    return {"examiner": f"{FOLDER}/examiner.py", "work": work}


def _opened(output: str, key: bytes) -> dict[str, Any] | None:
    """Return the report whose signature is right; lines that others wrote are passed over."""
    for line in output.split("\n"):
        words = line.split(" ")
        if len(words) != 3 or words[0] != "report":
            continue
        body = words[2].encode()
        if hmac.compare_digest(hmac.new(key, body, hashlib.sha256).hexdigest(), words[1]):
            try:
                report = zlib.decompressobj().decompress(base64.b64decode(body), _MAX_REPORT_BYTES)
                value: dict[str, Any] = json.loads(report)
            except (binascii.Error, zlib.error, ValueError):
                return None
            return value
    return None


def _lines(report: Mapping[str, Any], token: bytes) -> list[dict[str, Any]]:
    """Return what the examiner said, every line signed and none missing."""
    if report["flooded"]:
        raise Tampered("more was reported than a test run can")
    said: list[dict[str, Any]] = []
    for line in report["lines"].split("\n"):
        if not line:
            continue
        sign, _, body = line.partition(" ")
        right = hmac.new(token, body.encode(), hashlib.sha256).hexdigest()
        if not hmac.compare_digest(right.encode(), sign.encode()):
            raise Tampered("something else than the examiner wrote into the report")
        number, value = json.loads(body)
        if number != len(said):
            raise Tampered("lines of the report are missing or doubled")
        said.append(value)
    if said and "missing" in said[0]:
        raise NotStarted(f"the image has no {said[0]['missing']}")
    if not said or "ready" not in said[0]:
        raise NotStarted(f"the examiner did not start: {report['log'][-500:]}")
    return said


def _ending(said: Sequence[Mapping[str, Any]], word: str, kind: str) -> int:
    """Return the exit code, after the canary has failed as it must and the process ended by itself."""
    if "end" not in said[-1]:
        raise Tampered("the process of the tests ended before they did")
    canary = _statuses([{**line, "test": line["canary"]} for line in said if "canary" in line])
    expected = 2 if kind == "pytest" else 1
    if len(canary) != expected or any(status != "FAILED" for status in canary.values()):
        raise Tampered("a test that must fail did not: something changes what tests come to")
    if not all(word in name for name in canary):
        raise Tampered("other tests than those asked for were run")
    return int(said[-1]["end"])


def _statuses(said: Sequence[Mapping[str, Any]]) -> dict[str, Status]:
    """Merge the phases of each test: passed is a call that passed and a teardown that did not fail."""
    found: dict[str, Status] = {}
    for line in said:
        if "test" not in line:
            continue
        name, when, outcome = line["test"], line["when"], line["outcome"]
        if outcome == "failed":
            found[name] = "FAILED" if when == "call" else "ERROR"
        elif found.get(name) in ("FAILED", "ERROR"):
            continue
        elif outcome == "skipped":
            found[name] = "XFAIL" if line.get("xfail") else "SKIPPED"
        elif when == "call":
            found[name] = "XPASS" if line.get("xfail") else "PASSED"
    return found
