"""A program of the operator's own, run beside this process: bounded in time, ended with all that it began.

What it began is found by three signs, of which a process has to shed all to be missed: that it is a
descendant, that it is in the same session, and that its environment holds the episode's address (proc(5)).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shlex
import shutil
import signal
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ...errors import UsageError

_INTERPRETER = re.compile(r"python[\d.]*|bash|sh|node|ruby|perl")
_KEPT_BYTES = 8192
_READ_BYTES = 65_536
_ROUNDS = 20  # of ending what began others meanwhile
_INHERITED = ("PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "TMPDIR", "VIRTUAL_ENV",
              "PYTHONPATH", "LD_LIBRARY_PATH", "SSL_CERT_FILE", "SSL_CERT_DIR")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Ended:
    """How a program ended.

    Args:
        code: its exit code, negative for a signal; None: its time was up.
        output: the end of what it wrote.
    """

    code: int | None
    output: str


def words_of(command: str) -> list[str]:
    """Return a command as a program and its arguments; no shell reads it.

    Raises:
        UsageError: if it names nothing, or the program is not there.
    """
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise UsageError(f"harness.command {command!r}: {error}") from error
    if not words or shutil.which(words[0]) is None:
        raise UsageError(
            f"harness.command {command!r}: there is no such program; expected one on the PATH, or its path"
        )
    script = words[1] if len(words) > 1 and _INTERPRETER.fullmatch(Path(words[0]).name) else "-"
    if not script.startswith("-") and not Path(script).exists():
        raise UsageError(
            f"harness.command {command!r}: there is no file {script} in {Path.cwd()}; expected its path from "
            "where the command is typed"
        )
    return words


def environment(names: tuple[str, ...], more: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a program: what programs need, what is named, and what is given.

    Args:
        names: further variables that it inherits.
        more: variables and their values.
    """
    kept = {name: os.environ[name] for name in (*_INHERITED, *names) if name in os.environ}
    kept |= {name: value for name, value in os.environ.items() if name.startswith("LC_")}
    return {**kept, **more}


async def run_program(words: list[str], variables: Mapping[str, str], timeout_s: float, mark: str) -> Ended:
    """Run a program to its end, or until its time is up; nothing that it began is left.

    Args:
        words: the program and its arguments.
        variables: its environment.
        timeout_s: after which it is killed.
        mark: a text that its environment holds and no other process's does.
    """
    process = await asyncio.create_subprocess_exec(
        *words,
        env=dict(variables),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
    )
    kept = bytearray()
    reading = asyncio.ensure_future(_read(process, kept))
    code: int | None = None
    try:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                code = await process.wait()
    finally:
        kill_all(process.pid, mark)
        await process.wait()
        _, pending = await asyncio.wait([reading], timeout=1.0)
        if pending:
            reading.cancel()
    return Ended(code, kept[-_KEPT_BYTES:].decode("utf-8", "replace"))


async def _read(process: asyncio.subprocess.Process, kept: bytearray) -> None:
    """Read what is written, so that nobody waits for it, and keep the end."""
    if process.stdout is None:
        return
    while piece := await process.stdout.read(_READ_BYTES):
        kept += piece
        del kept[:-_KEPT_BYTES]


def kill_all(pid: int, mark: str) -> None:
    """End a program and all that it began."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
    for _ in range(_ROUNDS):
        found = set(_family(pid, mark.encode()))
        if not found:
            return
        for each in found:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(each, signal.SIGKILL)


def _family(pid: int, mark: bytes) -> Iterator[int]:
    """Yield the living processes that a program began."""
    parents: dict[int, int] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        number = int(folder.name)
        if number == os.getpid():
            continue
        with contextlib.suppress(OSError, ValueError, IndexError):
            state, parent, _, session = (folder / "stat").read_text().rpartition(")")[2].split()[:4]
            if state in "ZX":
                continue
            parents[number] = int(parent)
            if int(session) == pid or mark in (folder / "environ").read_bytes():
                yield number
    for number in parents:
        above = number
        while above in parents:
            above = parents[above]
            if above == pid:
                yield number
                break
