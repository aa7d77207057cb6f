r"""A program that runs hidden cases and prints what each returned; it needs the standard library alone.

    python3 -I judging.py TREE [SECONDS [SECONDS_OF_A_CASE]]

It lies beside the folder `cases` in a box that the agent never touched, and knows no expected value. A case
is a function `case_<what>()` in a file of that folder, which imports the package in TREE, drives it, and
returns a plain value; `cases/shared.py` holds what several files import from `cases.shared`. Each case runs
in a process of its own, made by fork, so that one that hangs, crashes or leaves something behind concerns
no other; the first process never runs the package. The output is a line of JSON for each case:

    {"ready": 3}
    {"case": "case_eviction", "value": "[1, \"two\", 3.0]"}
    {"case": "case_resize", "failed": "ValueError"}
"""

from __future__ import annotations

import ast
import contextlib
import importlib
import json
import os
import select
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

MAX_TEXT = 1 << 16
"""Characters of one case's value."""

WAITED = "it waited too long"
"""Why a case failed that was late with hardly any processor time: it waited, or the machine was slow."""

STARVED = "the machine had no time for it"
"""Why a case failed that could have gone on to the end and got no processor; its line says `starved` too."""

_CASE_SECONDS = 5.0
_BUSY_SECONDS = 1.0  # of processor time, many times what a case takes
_MORE_SECONDS = 1.0
_AT_ONCE = 4
_MAX_HUNG = 4
_SHARED = ("collections", "datetime", "decimal", "functools", "heapq", "itertools", "random", "re", "string")
"""Modules of the standard library that are imported once, before the first case."""
_MAX_DEPTH = 60
_SHARED_CASES = "shared"


class Unplain(TypeError):
    """A value that is not made of None, bool, int, float, str, bytes, list, tuple, dict and set alone."""


def encode(value: Any, depth: int = 0) -> str:
    """Return a value as text, one text for each value: 1, 1.0 and True differ, nan is itself.

    The entries of a dict stand in their own order, those of a set are sorted.

    Raises:
        Unplain: for other types, subclasses included, and for what is nested more than 60 deep.
    """
    kind = type(value)
    if kind in (type(None), bool, int, float):
        return repr(value)
    if kind is str:
        return json.dumps(value)
    if kind is bytes:
        return "b" + json.dumps(value.decode("latin-1"))
    if kind not in (list, tuple, dict, set, frozenset) or depth > _MAX_DEPTH:
        raise Unplain(kind.__name__)
    if kind is dict:
        pairs = [f"{encode(key, depth + 1)}: {encode(one, depth + 1)}" for key, one in value.items()]
        return "{" + ", ".join(pairs) + "}"
    inner = [encode(one, depth + 1) for one in value]
    if kind in (set, frozenset):
        return "set(" + ", ".join(sorted(inner)) + ")"
    return f"[{', '.join(inner)}]" if kind is list else f"({''.join(one + ', ' for one in inner)})"


def tried(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Return what a call returns, or ("raised", the name of the exception's type)."""
    try:
        return function(*args, **kwargs)
    except (Exception, SystemExit) as error:  # noqa: BLE001
        return ("raised", type(error).__name__)


def unordered(mapping: dict[Any, Any]) -> dict[Any, Any]:
    """Return a dict sorted by its keys, for cases where their order is not promised."""
    return dict(sorted(mapping.items(), key=lambda pair: encode(pair[0])))


class Cases:
    """The hidden cases of a package, compiled once and run in processes that share the code.

    Args:
        sources: name of a file without `.py` -> its text.

    Raises:
        ValueError: if two cases have one name.
    """

    def __init__(self, sources: Mapping[str, str]) -> None:
        found = [(case, file) for file, text in sorted(sources.items()) for case in _names(text)]
        self.files = dict(found)
        if len(self.files) < len(found):
            twice = sorted({case for case, _ in found if sum(case == one for one, _ in found) > 1})
            raise ValueError(f"{', '.join(twice)}: a name of two cases; expected one name for each")
        self._code = {file: compile(text, f"cases/{file}.py", "exec") for file, text in sources.items()}
        self._loaded: dict[str, ModuleType] = {}

    def value(self, case: str) -> str:
        """Run a case in this process and return its encoded value."""
        if _SHARED_CASES in self._code:
            self._load(_SHARED_CASES)
        return encode(getattr(self._load(self.files[case]), case)())

    def _load(self, file: str) -> ModuleType:
        if file not in self._loaded:
            module = self._loaded[file] = sys.modules[f"cases.{file}"] = ModuleType(f"cases.{file}")
            exec(self._code[file], module.__dict__)
        return self._loaded[file]


def _names(source: str) -> list[str]:
    nodes = ast.parse(source).body
    return [one.name for one in nodes if isinstance(one, ast.FunctionDef) and one.name.startswith("case_")]


class _Case:
    """A case that runs in a process of its own, and what came out of it so far."""

    def __init__(self, name: str, cases: Cases, end: float) -> None:
        self.name, self.end, self.read = name, end, b""
        self.channel, writing = os.pipe()
        self.child = os.fork()
        if self.child:
            os.close(writing)
            return
        try:
            os.setsid()
            os.close(self.channel)
            nothing = os.open(os.devnull, os.O_RDWR)
            for number in (0, 1, 2):
                os.dup2(nothing, number)
            _play(name, cases, writing)
        finally:
            os._exit(0)

    def has_ended(self) -> bool:
        """Read what there is; True at the end of the line, the limit, or the end of the output."""
        chunk = os.read(self.channel, 1 << 16)
        self.read += chunk
        return not chunk or b"\n" in chunk or len(self.read) > 2 * MAX_TEXT

    def is_late(self, last: float) -> bool:
        """Tell whether its time is over without an end; it has more where only the machine kept it waiting.

        Args:
            last: when the time of all cases is over.
        """
        now = time.monotonic()
        if self.end <= now < last and _is_starved(self.child):
            self.end = min(last, now + _MORE_SECONDS)
        if now < self.end:
            return False
        ready, _, _ = select.select([self.channel], [], [], 0.0)
        return not (ready and self.has_ended())

    def finish(self, late: bool) -> dict[str, Any]:
        """End its processes and return its line; what is longer than the limits has failed."""
        starved = late and _is_starved(self.child)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.child, signal.SIGKILL)
        os.kill(self.child, signal.SIGKILL)
        used = os.wait4(self.child, 0)[2]
        os.close(self.channel)
        try:
            line = json.loads(self.read.split(b"\n")[0]) if len(self.read) <= 2 * MAX_TEXT else {}
        except ValueError:
            line = {}
        for key in ("value", "failed"):
            if isinstance(line, dict) and isinstance(line.get(key), str) and len(line[key]) <= MAX_TEXT:
                return {"case": self.name, key: line[key]}
        if starved:
            return {"case": self.name, "failed": STARVED, "starved": True}
        was_busy = used.ru_utime + used.ru_stime >= _BUSY_SECONDS
        failed = "it took too long" if was_busy else WAITED
        return {"case": self.name, "failed": failed if late else "no value, or one that is too long"}


def _is_starved(process: int) -> bool:
    """Tell whether a process could go on, if it got a processor, and has not had much of one."""
    try:
        state, *numbers = Path(f"/proc/{process}/stat").read_text("latin-1").rpartition(")")[2].split()
    except OSError:
        return False
    used = (int(numbers[10]) + int(numbers[11])) / os.sysconf("SC_CLK_TCK")
    return state in ("R", "D") and used < _BUSY_SECONDS


def _play(name: str, cases: Cases, channel: int) -> None:
    """Run one case in this process, which is not used again, and write the line of its value."""
    try:
        line = {"case": name, "value": cases.value(name)}
    except BaseException as error:  # noqa: BLE001
        line = {"case": name, "failed": type(error).__name__}
    os.write(channel, (json.dumps(line) + "\n").encode("ascii"))


def results(cases: Cases, seconds: float, of_a_case: float) -> Iterator[dict[str, Any]]:
    """Yield the line of each case as it ends, a few at a time; together they have that many seconds.

    Where several take too long, those that wait have failed with them.
    """
    last = time.monotonic() + seconds
    waiting, hung = list(cases.files), 0
    running: dict[int, _Case] = {}
    while waiting or running:
        while waiting and len(running) < _AT_ONCE:
            case = _Case(waiting.pop(0), cases, min(last, time.monotonic() + of_a_case))
            running[case.channel] = case
        patience = max(0.0, min(case.end for case in running.values()) - time.monotonic())
        ready, _, _ = select.select(list(running), [], [], patience)
        for channel, case in list(running.items()):
            ended = channel in ready and case.has_ended()
            late = not ended and case.is_late(last)
            if ended or late:
                del running[channel]
                line = case.finish(late)
                hung += late and "starved" not in line
                yield line
        if hung >= _MAX_HUNG:
            yield from ({"case": name, "failed": "others took too long"} for name in waiting)
            waiting = []


def main(tree: str, seconds: float = 30.0, of_a_case: float = _CASE_SECONDS) -> None:
    """Print the results of all cases."""
    here = Path(__file__).absolute().parent
    sys.path[:0] = [str(here), str(Path(tree).absolute())]
    sys.modules["judging"] = sys.modules[__name__]
    cases = Cases({path.stem: path.read_text("utf-8") for path in (here / "cases").glob("*.py")})
    for module in _SHARED:
        importlib.import_module(module)
    print(json.dumps({"ready": len(cases.files)}), flush=True)  # noqa: T201
    for line in results(cases, seconds, of_a_case):
        print(json.dumps(line), flush=True)  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[1], *map(float, sys.argv[2:]))
