"""A Python with pytest imported, that waits outside the boxes and whose children enter them.

It runs nothing of a box itself: a request names a box, a child is forked, gives up what a command gives
up, and only then looks at the files of the box. It sees the base alone, read-only, from where it has
pytest; what it knows is no secret. The keeper starts it with the Python of that base.
"""

from __future__ import annotations

import gc
import importlib
import os
import select
import signal
import site
import socket
import sys
from typing import Any, NoReturn

from . import kernel, wire
from .entering import Guards, Person, close_all, enter_as, first_to_go, forget_the_parent, join_open

_OFTEN = (
    "unittest",
    "doctest",
    "difflib",
    "textwrap",
    "decimal",
    "datetime",
    "random",
    "itertools",
    "collections",
)


def main() -> None:
    """Import what tests need, then fork a child for each request until the keeper has gone."""
    sock = socket.socket(fileno=int(sys.argv[1]))
    base, program = int(sys.argv[2]), int(sys.argv[3])
    guards = Guards(
        kernel.Filter(wire.read_all(program, os.fstat(program).st_size)), kernel.landlock_abi() > 0
    )
    home = os.open("/proc/self/ns/pid", os.O_RDONLY)
    kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
    first_to_go()
    kernel.setns(base, kernel.CLONE_NEWNS)
    os.close(base)
    os.chdir("/")
    sys.path[:] = [path for path in sys.path if path.startswith("/usr/")] + sys.argv[4:]
    _import_all()
    site.setquit()
    site.sethelper()
    gc.collect()
    gc.freeze()
    wire.send(sock, {"ready": True})
    _serve(sock, home, guards)


def _import_all() -> None:
    config = importlib.import_module("_pytest.config")
    for name in config.default_plugins:
        importlib.import_module(f"_pytest.{name}")
    for name in ("pytest", *_OFTEN):
        importlib.import_module(name)


def _serve(sock: socket.socket, home: int, guards: Guards) -> None:
    woken, wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    children: dict[int, int] = {}
    while True:
        ready, _, _ = select.select([sock.fileno(), woken], [], [])
        if woken in ready:
            os.read(woken, 4096)
        if sock.fileno() in ready:
            received = wire.receive(sock)
            if received is None:
                return
            message, _, fds = received
            children[_child(message, fds, home, guards)] = message["call"]
            for fd in fds:
                os.close(fd)
        for pid in list(children):
            found, status = os.waitpid(pid, os.WNOHANG)
            if found:
                wire.send(sock, {"call": children.pop(pid), "status": status})


def _child(message: dict[str, Any], fds: list[int], home: int, guards: Guards) -> int:
    """Fork a child into the process namespace of a box."""
    kernel.setns(fds[0], kernel.CLONE_NEWPID)
    try:
        pid = os.fork()
        if not pid:
            _be_a_run(message, fds, guards)
    finally:
        kernel.setns(home, kernel.CLONE_NEWPID)
    return pid


def _be_a_run(message: dict[str, Any], fds: list[int], guards: Guards) -> NoReturn:
    """Enter the box and be `python3 -m pytest` there."""
    code = 126
    try:
        forget_the_parent()
        os.dup2(fds[1], 1)
        os.dup2(fds[1], 2)
        person = Person(**message["person"])
        join_open(fds[2:])
        enter_as(fds[0], person, guards)
        os.dup2(os.open("/dev/null", os.O_RDONLY), 0)
        close_all(keep=(0, 1, 2))
        kernel.prctl(kernel.PR_SET_DUMPABLE, 1)
        code = 1
        os.chdir(message["cwd"])
        code = _run(message)
    except BaseException as error:  # noqa: BLE001 - a child must never run on into its parent's code
        os.write(2, f"{type(error).__name__}: {error}\n".encode(errors="replace"))
    finally:
        os._exit(code)


def _run(message: dict[str, Any]) -> int:
    os.environ.clear()
    os.environ.update(message["env"])
    sys.argv = ["pytest", *message["arguments"]]
    sys.path.insert(0, message["cwd"])
    for name in [name for name in sys.modules if name.split(".")[0] == __package__]:
        del sys.modules[name]
    gc.unfreeze()
    gc.enable()
    sys.stdin, sys.stdout, sys.stderr = (os.fdopen(fd, mode) for fd, mode in ((0, "r"), (1, "w"), (2, "w")))
    code = int(importlib.import_module("pytest").main(message["arguments"]))
    sys.stdout.flush()
    sys.stderr.flush()
    return code
