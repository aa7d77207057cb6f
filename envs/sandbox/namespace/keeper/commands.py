"""One line of bash in a box: its process, its output within a bound, and its end.

Output is read as it comes and kept to its first and last bytes. When the line has ended its call is
answered with what the pipe holds by then; what a background process writes later is read and dropped,
so that it neither blocks nor breaks.
"""

from __future__ import annotations

import fcntl
import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass

from . import kernel
from .cgroups import Command as CommandGroup
from .entering import Guards, Person, close_all, enter_as, first_to_go, forget_the_parent, join

_CHUNK = 1 << 16
_PIPE_BYTES = 1 << 18
_LONGEST_ARGUMENT = 100_000
_FROM_DESCRIPTOR = b'eval "$(cat <&9 9<&-)" 9<&-'


class Output:
    """The first and the last bytes of a stream, and how many lay between."""

    def __init__(self, limit: int) -> None:
        self._head, self._tail = bytearray(), bytearray()
        self._room = limit - limit // 2
        self._last = limit // 2
        self.total = 0

    def add(self, data: bytes) -> None:
        """Take in what came."""
        self.total += len(data)
        if len(self._head) < self._room:
            taken = self._room - len(self._head)
            self._head += data[:taken]
            data = data[taken:]
        self._tail += data
        if len(self._tail) > 2 * self._last + _CHUNK:
            del self._tail[: len(self._tail) - self._last]

    def parts(self) -> tuple[bytes, bytes, int]:
        """Return head, tail and the number of bytes left out; no character of UTF-8 is cut."""
        tail = bytes(self._tail[max(0, len(self._tail) - self._last) :])
        head = bytes(self._head)
        if self.total > len(head) + len(tail):
            head, tail = _whole_end(head), _whole_start(tail)
        return head, tail, self.total - len(head) - len(tail)


def _whole_end(data: bytes) -> bytes:
    """Return the bytes without a character that is not complete at their end."""
    for back in range(1, min(4, len(data)) + 1):
        byte = data[-back]
        if byte >= 0xC0:
            length = 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            return data[:-back] if length > back else data
        if byte < 0x80:
            return data
    return data


def _whole_start(data: bytes) -> bytes:
    """Return the bytes without the rest of a character at their start."""
    start = 0
    while start < min(3, len(data)) and 0x80 <= data[start] < 0xC0:
        start += 1
    return data[start:]


@dataclass(frozen=True)
class Line:
    """What is to be run, by whom and where."""

    command: bytes
    cwd: str
    env: Mapping[str, str]
    person: Person


class Place:
    """Where it is to be run."""

    def __init__(self, pod: int, group: CommandGroup, guards: Guards) -> None:
        self.pod, self.group, self.guards = pod, group, guards


def start(line: Line, place: Place, home: int, stdin: int | None) -> tuple[int, int]:
    """Start a line; return its process and the end of the pipe that its output comes from.

    Args:
        line: what to run.
        place: the pod, prepared.
        home: a descriptor of the keeper's own process namespace.
        stdin: a descriptor to read from, or nothing.
    """
    output, into = output_pipe()
    script = -1
    try:
        if len(line.command) > _LONGEST_ARGUMENT:
            script = _memory_file(line.command)
        pid = fork_into(place.pod, home)
        if not pid:
            _run(line, place, (stdin, into, script))
    except BaseException:
        os.close(output)
        raise
    finally:
        os.close(into)
        if script >= 0:
            os.close(script)
    return pid, output


def output_pipe() -> tuple[int, int]:
    """Return a pipe for output: its end to read from, which does not block, and the other."""
    output, into = os.pipe()
    fcntl.fcntl(output, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
    os.set_blocking(output, False)
    return output, into


def fork_into(pod: int, home: int) -> int:
    """Fork; the child is in the process namespace of a pod."""
    kernel.setns(pod, kernel.CLONE_NEWPID)
    try:
        pid = os.fork()
    except BaseException:
        kernel.setns(home, kernel.CLONE_NEWPID)
        raise
    if pid:
        kernel.setns(home, kernel.CLONE_NEWPID)
    return pid


def _run(line: Line, place: Place, streams: tuple[int | None, int, int]) -> None:
    """Become the line; never returns."""
    code = 126
    try:
        forget_the_parent()
        stdin, into, script = streams
        os.dup2(os.open("/dev/null", os.O_RDONLY) if stdin is None else stdin, 0)
        os.dup2(into, 1)
        os.dup2(into, 2)
        first_to_go()
        join(place.group.entrances)
        enter_as(place.pod, line.person, place.guards)
        if script >= 0:
            os.dup2(script, 9)
        close_all(keep=(0, 1, 2, 9) if script >= 0 else (0, 1, 2))
        code = 1
        os.chdir(line.cwd)
        code = 127
        os.execve(
            "/bin/bash", [b"bash", b"-c", _FROM_DESCRIPTOR if script >= 0 else line.command], {**line.env}
        )
    except BaseException as error:  # noqa: BLE001 - a child must never run on into its parent's code
        os.write(2, f"bash: {error}\n".encode(errors="replace"))
    finally:
        os._exit(code)


def _memory_file(data: bytes) -> int:
    fd = os.memfd_create("line")
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]
    os.lseek(fd, 0, os.SEEK_SET)
    return fd


def read_some(fd: int) -> bytes | None:
    """Return what a pipe holds now: None if nothing yet, empty at its end."""
    try:
        return os.read(fd, _CHUNK)
    except BlockingIOError:
        return None


def how_it_ended(status: int) -> tuple[int | None, str]:
    """Return exit code and cause of a wait status."""
    if os.WIFSIGNALED(status):
        return None, "killed"
    return os.WEXITSTATUS(status), "exit"


SIGKILLED = 128 + signal.SIGKILL
"""The exit code with which bash tells that its last command was killed."""
