"""A patch judged in a box that the agent never touched.

1. The box is brought to the record's start; the hidden tests are laid over it.
2. The patch is put there, without what is kept back (`guard`): tests, what pytest or Python load
   unasked, settings. pytest's settings are those of the base, whatever the patch says.
3. The tests run under the examiner; its report is taken by the referee, which no code of the patch
   can write to from another process (`report`).
4. A test without a result has failed. A report that contradicts itself is rejected.

What fails before any code of the patch runs, and the machine's failures, leave the patch unscored.
"""

from __future__ import annotations

import shlex
import tomllib
from collections.abc import Sequence
from configparser import ConfigParser, Error
from dataclasses import dataclass, replace

from ....errors import TurnwiseError
from ...sandbox import Backend, Sandbox, Spec
from ..patches import PatchError, changed_paths, check, submitted
from ..task import Patch, Verdict
from ..trees import diff_onto, put, read_files
from .guard import files_of, kept_back
from .logs import judge
from .records import Record
from .report import NotStarted, Result, Run, Tampered, examine
from .start import lay

_OUTPUT_BYTES = 1 << 25
_SETTINGS = (
    "pytest.toml",
    ".pytest.toml",
    "pytest.ini",
    ".pytest.ini",
    "pyproject.toml",
    "tox.ini",
    "setup.cfg",
)
_OWN = ".turnwise-suite"
_ROOTS = "ls -A1 . 2>/dev/null; ls -A1 src lib 2>/dev/null; true"


@dataclass(frozen=True, slots=True)
class Suite:
    """How a record's tests are run.

    Args:
        kind: pytest, unittest, or the suite's own command.
        options: further words for pytest.
        command: for `command`; `{files}` stands for the test files.
        parser: the log parser, for `command`.
        prelude: bash that makes the image's Python the one that is found.
        seconds: the time limit.
    """

    kind: str = "pytest"
    options: tuple[str, ...] = ()
    command: str = ""
    parser: str = "pytest"
    prelude: str = ":"
    seconds: float = 1800.0


async def grade(
    record: Record, suite: Suite, spec: Spec, bundle: bytes | None, backend: Backend, patch: Patch
) -> Verdict:
    """Judge a patch; see the module."""
    patch = submitted(patch)
    if not patch:
        return _failed("empty_patch", "nothing was changed")
    try:
        check(patch)
    except PatchError as error:
        return _failed("unapplicable", str(error))
    limits = replace(spec.limits, output_bytes=_OUTPUT_BYTES)
    try:
        async with await backend.start(replace(spec, network="none", limits=limits)) as box:
            await lay(box, record, bundle)
            return await _judged(box, record, suite, patch)
    except NotStarted as error:
        return Verdict(outcome=None, reward=None, cause=f"the grader failed: {error}")
    except (TurnwiseError, OSError) as error:
        return Verdict(outcome=None, reward=None, cause=f"{type(error).__name__}: {error}")


async def _judged(box: Sandbox, record: Record, suite: Suite, patch: Patch) -> Verdict:
    hidden = await hidden_tests(box, record)
    await put(box, hidden)
    settings = await _settings(box)
    there = set((await box.run(_ROOTS)).output.split("\n"))
    files = {*hidden, *files_of(record.fail_to_pass + record.pass_to_pass)}
    gold = changed_paths(record.gold) if record.gold.strip() else []
    back = kept_back(patch, hidden=files, gold=gold, there=there)
    try:
        await put(box, {path: data for path, data in patch.items() if path not in back})
    except PatchError as error:
        return _failed("unapplicable", str(error))
    for command in record.rebuild:
        await box.run(f"{suite.prelude}\n{command}", suite.seconds)
    try:
        result = await examine(
            box, ordered(record, suite, settings, [path for path in hidden if hidden[path]])
        )
    except Tampered as error:
        return _failed("tests_failed", str(error))
    return _verdict(record, suite, result)


async def hidden_tests(box: Sandbox, record: Record) -> Patch:
    """Return the files that bring the hidden tests onto the start, and those that they take away.

    Raises:
        PatchError: if the record's own test patch does not fit: the grader's failure.
    """
    hidden: dict[str, bytes | None] = dict(record.hidden_files)
    if record.test_patch.strip():
        hidden |= await diff_onto(box, record.test_patch)
    return hidden


async def _settings(box: Sandbox) -> str:
    """Lay pytest's settings of the base where the patch does not reach, and return their path."""
    found = await read_files(box, _SETTINGS)
    for name, data in found.items():
        if not _holds_settings(name, data):
            continue
        if name in ("pyproject.toml", "setup.cfg"):  # a patch may have reasons to change the rest of them
            own = _OWN + name[name.rindex(".") :]
            await box.write(own, data)
            return own
        return name
    await box.write(f"{_OWN}.ini", b"[pytest]\n")
    return f"{_OWN}.ini"


def _holds_settings(name: str, data: bytes) -> bool:
    """Tell whether pytest would take its settings from a file, as its documentation says."""
    if name in ("pytest.toml", ".pytest.toml", "pytest.ini", ".pytest.ini"):
        return True
    text = data.decode("utf-8", "replace")
    try:
        if name.endswith(".toml"):
            return bool(tomllib.loads(text).get("tool", {}).get("pytest"))
        parser = ConfigParser(interpolation=None, strict=False)
        parser.read_string(text)
    except (tomllib.TOMLDecodeError, Error):
        return False
    return parser.has_section("pytest" if name == "tox.ini" else "tool:pytest")


def ordered(record: Record, suite: Suite, settings: str, hidden: Sequence[str]) -> Run:
    """Return what is run: the files that the tests are named in, else the hidden ones.

    Raises:
        NotStarted: if nothing of it is Python's, and the record names no command of its own.
    """
    named = files_of(record.fail_to_pass + record.pass_to_pass)
    files = list(record.test_files) or named or [path for path in hidden if path.endswith(".py")]
    if suite.kind == "command":
        words = " ".join(shlex.quote(file) for file in files)
        command = suite.command.replace("{files}", words).replace("{modules}", " ".join(map(_module, files)))
        return Run("command", (), command, suite.parser, suite.prelude, suite.seconds)
    if not any(file.endswith(".py") or any(path.startswith(f"{file}/") for path in hidden) for file in files):
        raise NotStarted(f"{record.id}: no tests of Python, and no command for others; pass suite=")
    if suite.kind == "unittest":
        names = [_module(file) for file in files]
        return Run("unittest", names, prelude=suite.prelude, seconds=suite.seconds)
    where = record.workdir
    own = ["-c", f"{where}/{settings}", "--rootdir", where, "-p", "no:cacheprovider", "--color=no"]
    return Run("pytest", [*suite.options, *own, *files], prelude=suite.prelude, seconds=suite.seconds)


def _module(path: str) -> str:
    return path.removesuffix(".py").replace("/", ".")


def _verdict(record: Record, suite: Suite, result: Result) -> Verdict:
    bad = sorted(name for name, status in result.statuses.items() if status in ("FAILED", "ERROR", "XPASS"))
    if suite.kind != "command" and result.code not in (0, 1, 2):
        return _failed("tests_failed", f"the suite ended with exit code {result.code}", result.log)
    if (result.code == 0) == any(result.statuses[name] != "XPASS" for name in bad):
        said = f"{bad[0]} failed" if bad else "no test failed"
        return _failed("tests_failed", f"exit code {result.code}, but {said}: rejected", result.log)
    tests = judge([*record.fail_to_pass, *record.pass_to_pass], result.statuses)
    failed = [name for name, passed in tests.items() if not passed]
    if not failed:
        return Verdict(outcome="resolved", reward=1.0, tests=tests, log=result.log)
    verb = "failed" if failed[0] in result.statuses else "has no result"
    cause = f"{failed[0]} {verb}; {len(failed)} of {len(tests)} tests"
    return Verdict(outcome="tests_failed", reward=0.0, tests=tests, cause=cause, log=result.log)


def _failed(outcome: str, cause: str, log: str = "") -> Verdict:
    return Verdict(outcome=outcome, reward=0.0, cause=cause, log=log)  # type: ignore[arg-type]
