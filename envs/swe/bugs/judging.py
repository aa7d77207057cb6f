r"""A program that runs hidden cases and prints what each returned; it needs the standard library alone.

    python3 -I judging.py TREE [SECONDS]

It lies beside `cases.py` in a box that the agent never touched, and knows no expected value. A case is a
function `case_<what>()` that imports the package in TREE, drives it, and returns a plain value. Each runs
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
from collections.abc import Callable
from typing import Any

MAX_TEXT = 1 << 16
"""Characters of one case's value."""

_CASE_SECONDS = 5.0
_MAX_DEPTH = 60


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


def names_of(source: str) -> list[str]:
    """Return the names of the cases in a file of them, in its order."""
    nodes = ast.parse(source).body
    return [one.name for one in nodes if isinstance(one, ast.FunctionDef) and one.name.startswith("case_")]


def _play(name: str, channel: int) -> None:
    """Run one case in this process, which is not used again, and write the line of its value."""
    try:
        cases = importlib.import_module("cases")
        line = {"case": name, "value": encode(getattr(cases, name)())}
    except BaseException as error:  # noqa: BLE001
        line = {"case": name, "failed": type(error).__name__}
    os.write(channel, (json.dumps(line) + "\n").encode("ascii"))


def _forked(name: str) -> tuple[int, int]:
    """Start a process for a case; return its number and the end of the pipe that is read."""
    reading, writing = os.pipe()
    child = os.fork()
    if child:
        os.close(writing)
        return child, reading
    try:
        os.setsid()
        os.close(reading)
        nothing = os.open(os.devnull, os.O_RDWR)
        for number in (0, 1, 2):
            os.dup2(nothing, number)
        _play(name, writing)
    finally:
        os._exit(0)


def _line(channel: int, end: float) -> bytes:
    """Read up to the end of a line, the limit or the deadline."""
    read = b""
    while b"\n" not in read and len(read) <= 2 * MAX_TEXT:
        ready, _, _ = select.select([channel], [], [], max(0.0, end - time.monotonic()))
        chunk = os.read(channel, 1 << 16) if ready else b""
        if not chunk:
            break
        read += chunk
    return read


def result(name: str, seconds: float) -> dict[str, Any]:
    """Run one case in a new process and return its line; what is longer than the limits has failed."""
    child, channel = _forked(name)
    end = time.monotonic() + seconds
    read = _line(channel, end)
    late = time.monotonic() >= end
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child, signal.SIGKILL)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    os.close(channel)
    try:
        line = json.loads(read.split(b"\n")[0]) if len(read) <= 2 * MAX_TEXT else {}
    except ValueError:
        line = {}
    for key in ("value", "failed"):
        if isinstance(line, dict) and isinstance(line.get(key), str) and len(line[key]) <= MAX_TEXT:
            return {"case": name, key: line[key]}
    return {"case": name, "failed": "it took too long" if late else "no value, or one that is too long"}


def main(tree: str, seconds: float) -> None:
    """Print the results of all cases; together they have that many seconds, each at most five."""
    here = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120
    sys.path[:0] = [here, os.path.abspath(tree)]  # noqa: PTH100
    sys.modules["judging"] = sys.modules[__name__]
    with open(os.path.join(here, "cases.py"), encoding="utf-8") as file:  # noqa: PTH118, PTH123
        names = names_of(file.read())
    print(json.dumps({"ready": len(names)}), flush=True)  # noqa: T201
    end = time.monotonic() + seconds
    for name in names:
        left = min(_CASE_SECONDS, end - time.monotonic())
        line = result(name, left) if left > 0 else {"case": name, "failed": "no time was left"}
        print(json.dumps(line), flush=True)  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]) if len(sys.argv) > 2 else 30.0)
