"""Parsers of test logs: a name and what became of it, in the manner of SWE-bench's harness.

A log is the weakest of witnesses: whatever runs inside the tests can write into it. They are for
stored logs of other people, for the agent's own feedback, and for suites that only their own command
can run; our grading reads a report (`grade`). Source of the forms: SWE-bench's
`swebench/harness/log_parsers`, R2E-Gym's `execution_log_parser`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Literal

from ....errors import UnknownName

Status = Literal["PASSED", "FAILED", "ERROR", "SKIPPED", "XFAIL", "XPASS"]
Statuses = Mapping[str, Status]

PASSING: frozenset[Status] = frozenset({"PASSED", "XFAIL"})
"""What counts as passed, as in SWE-bench."""

_ESCAPES = re.compile(r"\x1b\[[0-9;]*[A-Za-z]|[\x00-\x08\x0b-\x1f]")
_WORDS = "PASSED|FAILED|ERROR|SKIPPED|XFAIL|XPASS"
_STATUS_FIRST = re.compile(rf"({_WORDS})\s+(\S.*)")
_NAME_FIRST = re.compile(rf"(\S+::\S.*?|\S+\.py)\s+({_WORDS})\b")
_UNITTEST = re.compile(r"(.+?) \.\.\. (?:.*?)(ok|FAIL|ERROR|skipped.*|expected failure|unexpected success)$")
_UNITTEST_LONG = re.compile(r"(FAIL|ERROR): (.+)$")
_SYMPY = re.compile(r"(test_\w+) (ok|F|E|f|s|X)(?: |$)")
_SYMPY_LONG = re.compile(r"_+ (.+\.py):(.+?) _+$")


def parse_pytest(log: str) -> Statuses:
    """Read pytest's lines with -v or -rA; a test that is named twice has its worse result."""
    found: dict[str, Status] = {}
    for line in _plain(log):
        first = _STATUS_FIRST.match(line)
        if first:
            word, name = first[1], first[2]
            if word == "SKIPPED" and name.startswith("["):  # "[3] file:line: reason" names no test
                continue
            _note(found, name.split(" - ")[0].strip(), word)
        else:
            last = _NAME_FIRST.match(line)
            if last:
                _note(found, last[1], last[2])
    return found


def parse_unittest(log: str) -> Statuses:
    """Read unittest's lines with -v, also Django's; names as they are printed: `test_x (pkg.mod.Class)`."""
    words = {"ok": "PASSED", "FAIL": "FAILED", "ERROR": "ERROR", "expected failure": "XFAIL"}
    found: dict[str, Status] = {}
    waiting = ""
    for line in _plain(log):
        line = line.strip()
        short, long = _UNITTEST.match(line), _UNITTEST_LONG.match(line)
        if long:
            _note(found, long[2], words[long[1]])
        elif short:
            word = short[2]
            status = "SKIPPED" if word.startswith("skipped") else words.get(word, "XPASS")
            _note(found, short[1].split(" ... ")[0], status)
            waiting = ""
        elif " ... " in line:
            waiting = line.split(" ... ")[0]
        elif waiting and line in words:  # what the test printed stood between its name and its result
            _note(found, waiting, words[line])
            waiting = ""
    return found


def parse_sympy(log: str) -> Statuses:
    """Read the lines of sympy's own runner: `test_x ok`, and headings of failures."""
    words = {"ok": "PASSED", "F": "FAILED", "E": "ERROR", "f": "XFAIL", "s": "SKIPPED", "X": "XPASS"}
    found: dict[str, Status] = {}
    for line in _plain(log):
        short, long = _SYMPY.match(line.strip()), _SYMPY_LONG.match(line)
        if short:
            _note(found, short[1], words[short[2]])
        elif long:
            _note(found, long[2], "FAILED")
    return found


def parse_r2e(log: str) -> Statuses:
    """Read pytest's lines and name tests as R2E-Gym does: class and function, without the file."""
    found: dict[str, Status] = {}
    for name, status in parse_pytest(log).items():
        _note(found, short_name(name), status)
    return found


def short_name(name: str) -> str:
    """Return a test's name without its file, parts joined by dots."""
    return ".".join(name.split("::")[1:]) or name


PARSERS: Mapping[str, Callable[[str], Statuses]] = {
    "pytest": parse_pytest,
    "unittest": parse_unittest,
    "django": parse_unittest,
    "sympy": parse_sympy,
    "r2e": parse_r2e,
}


def parser(name: str) -> Callable[[str], Statuses]:
    """Return a parser by its name; the harness's own `parse_log_pytest_v2` and its like are known too.

    Raises:
        UnknownName: if there is no such parser.
    """
    short = name.removeprefix("parse_log_").removesuffix("_v2").removesuffix("_options")
    if short not in PARSERS:
        raise UnknownName("log parser", name, PARSERS)
    return PARSERS[short]


def judge(names: Iterable[str], found: Statuses) -> dict[str, bool]:
    """Tell of each test that a record names whether it has passed; one without a result has not.

    Names of old records were cut at the first space, or lack the file: then every test that the name
    may stand for must have passed.
    """
    meant: dict[str, list[bool]] = {}
    for full, status in found.items():
        for alias in set(_aliases(full)):
            meant.setdefault(alias, []).append(status in PASSING)
    return {
        name: found[name] in PASSING if name in found else all(meant.get(name, (False,))) for name in names
    }


def _aliases(full: str) -> Iterable[str]:
    short = short_name(full)
    yield from (full.split(" ")[0], short, short.split(" ")[0], short.rpartition(".")[2])
    head, bracket, option = full.partition("[")
    if bracket and option.startswith("/") and not option.startswith("//"):
        yield f"{head}[/{option.rsplit('/', 1)[-1]}"


def _note(found: dict[str, Status], name: str, word: str) -> None:
    status: Status = word  # type: ignore[assignment]
    if name and found.get(name, "PASSED") in PASSING:
        found[name] = status


def _plain(log: str) -> Iterable[str]:
    return (_ESCAPES.sub("", line) for line in log.split("\n"))
