"""The keeper's end of the interpreter that waits with pytest imported; one for each base that has one."""

from __future__ import annotations

import itertools
import os
import signal
import socket
from dataclasses import asdict
from typing import Any, NoReturn

from . import kernel, wire
from .boxes import Box, Boxes
from .commands import Place, output_pipe
from .entering import open_groups
from .layers import Base
from .tasks import Ended, Loop, Task, Told

_PYTHON = "/usr/bin/python3"
_PROGRAM = "import sys; sys.path.insert(0, {folder!r}); from keeper.interpreter import main; main()"


class Interpreter:
    """One waiting interpreter.

    Args:
        boxes: what knows the base and the namespaces.
        base: what it sees.
        folder: where the keeper's sources lie, as the process finds them.
        filter: the system call filter of its children.
    """

    def __init__(self, boxes: Boxes, base: Base, folder: str, filter: bytes) -> None:
        self._loop: Loop = boxes.loop
        self._numbers = itertools.count(-1, -1)
        self.is_alive, self._is_ready = True, False
        self._socket, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        pod = boxes.pods.make()
        trees = [(name, kernel.clone_tree(place)) for name, place in base.trees]
        boxes.pods.dress(pod, boxes.store.stack(base, (), None), trees, None)
        held = wire.memory_file(filter)
        with other:
            pid = os.fork()
            if not pid:
                _be(boxes.pods.bare, folder, (other.fileno(), pod.fd, held), base.site)
        os.close(held)
        self._loop.read(self._socket.fileno(), self._heard)
        self._loop.start(self._wait_for_its_end(pid))

    def _wait_for_its_end(self, pid: int) -> Task:
        yield Ended(pid)
        self.is_alive = False
        for number in self._loop.numbers():
            self._loop.tell(number, None)

    def wait(self) -> Task:
        """Wait until it is ready, or has failed to be."""
        while self.is_alive and not self._is_ready:
            yield Told(next(self._numbers))

    def _heard(self) -> None:
        try:
            received = wire.receive(self._socket)
        except OSError:
            received = None
        if received is None:
            self._loop.forget(self._socket.fileno())
            return
        message = received[0]
        if "ready" in message:
            self._is_ready = True
            for number in self._loop.numbers():
                if number < 0:
                    self._loop.tell(number, None)
        else:
            self._loop.tell(message["call"], message["status"])

    def ask(self, call: int, box: Box, place: Place, arguments: list[str]) -> int:
        """Start a run in a box; return the pipe with its output."""
        output, into = output_pipe()
        plan = box.plan
        message: dict[str, Any] = {
            "call": call,
            "person": asdict(plan.family.person),
            "cwd": plan.workdir,
            "env": plan.env,
            "arguments": arguments,
        }
        groups = open_groups(place.group.entrances)
        try:
            wire.send(self._socket, message, b"", (place.pod, into, *groups))
        except BaseException:
            os.close(output)
            raise
        finally:
            for fd in (into, *groups):
                os.close(fd)
        return output


def _be(bare: int, folder: str, fds: tuple[int, int, int], site: str) -> NoReturn:
    """Become the interpreter; never returns."""
    try:
        signal.set_wakeup_fd(-1)
        kernel.setns(bare, kernel.CLONE_NEWNS)
        os.chdir("/")
        for fd in fds:
            os.set_inheritable(fd, True)
        null = os.open("/dev/null", os.O_RDWR)
        for fd in (0, 1):
            os.dup2(null, fd)
        arguments = [_PYTHON, "-s", "-S", "-c", _PROGRAM.format(folder=folder), *map(str, fds), site]
        os.execve(_PYTHON, arguments, {"PYTHONHASHSEED": "0"})
    finally:
        os._exit(1)
