"""What one try is, and the helpers that scripts find in their box.

A script says GOT where it has what it must not have, HELD where a limit stopped it half-way.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

HELPERS = """
import ctypes, os, sys, errno
_libc = ctypes.CDLL(None, use_errno=True)
def call(number, *words):
    "Make a system call; return (result, errno)."
    kept = [ctypes.c_char_p(w) if isinstance(w, bytes) else ctypes.c_void_p(w) if w is None else
            w if not isinstance(w, int) else ctypes.c_long(w) for w in words]
    result = _libc.syscall(ctypes.c_long(number), *kept)
    return result, ctypes.get_errno()
def got(really, *more):
    print("GOT" if really else "refused", *more, flush=True)
def works(number, *words):
    result, number = call(number, *words)
    got(result >= 0, errno.errorcode.get(number))
def can(act):
    try:
        act()
    except OSError as error:
        got(False, error)
    else:
        got(True)
def written(path, text="1"):
    can(lambda: os.write(os.open(path, os.O_WRONLY), text.encode()))
def amount(reached, wanted, what):
    print("GOT" if reached >= wanted else "HELD", reached, what, flush=True)
"""


@dataclass(frozen=True)
class Case:
    """One try.

    Args:
        name: short, unique.
        attempt: what it tries.
        script: a line of bash. `{port}`, `{secret}`, `{abstract}`, `{marker}`, `{host_file}` are what the
            host has prepared: a listening port, a secret in the server's environment, an abstract socket,
            the argument of a process, a file.
        act: instead of a script, a coroutine function (box, other box, facts) -> "refused", "contained" or
            "succeeded".
        other: a script that runs in another box while this one holds on for two seconds; it has to
            say WORKS.
        timeout_s: of the script.
    """

    name: str
    attempt: str
    script: str = ""
    act: Callable[[Any, Any, dict[str, str]], Awaitable[str]] | None = None
    other: str = ""
    timeout_s: float = 20.0


def python(name: str, attempt: str, program: str, **more: Any) -> Case:
    """Return a case whose script is a program of Python that has the helpers."""
    return Case(name, attempt, f"python3 - <<'END'\nfrom helpers import *\n{program}\nEND", **more)
