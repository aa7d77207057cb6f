"""What a child gives up before it runs what is not trusted; after it has entered, it trusts nothing it finds.

The order matters: limits and namespaces while it still may, then the user, then every capability, then
Landlock and the system call filter, then the program.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # `signal` makes an enumeration of each argument: 0.3 ms
import gc
import os
import resource
import signal
from dataclasses import dataclass

from . import kernel

_NAMESPACES = (
    kernel.CLONE_NEWNS
    | kernel.CLONE_NEWIPC
    | kernel.CLONE_NEWUTS
    | kernel.CLONE_NEWNET
    | kernel.CLONE_NEWCGROUP
)
_MAX_FILES = 4096
_MAX_PROCESSES = 4096
_RESET = tuple(
    int(one)
    for one in (signal.SIGCHLD, signal.SIGPIPE, signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGXFSZ)
)
_KILLED_FIRST, _KILLED_LAST = b"500", b"-1000"  # oom_score_adj


@dataclass(frozen=True)
class Guards:
    """What holds for every command: the system call filter, and whether there is Landlock."""

    filter: kernel.Filter
    landlock: bool


@dataclass(frozen=True)
class Person:
    """Who runs something in a box."""

    uid: int
    gid: int
    groups: tuple[int, ...] | None = ()  # None: those of the server stay, where it may not change them
    memory_bytes: int = 0  # of each process, where no control group limits the box


def close_all(keep: tuple[int, ...]) -> None:
    """Close every descriptor but these."""
    low = 0
    for fd in sorted(keep):
        if low < fd:  # an empty range from 0 closes all (Python 3.11)
            os.closerange(low, fd)
        low = fd + 1
    os.closerange(low, resource.getrlimit(resource.RLIMIT_NOFILE)[1])


def forget_the_parent() -> None:
    """Undo what the parent's loop set up for itself."""
    gc.disable()
    signal.set_wakeup_fd(-1)
    for number in _RESET:
        _signal.signal(number, 0)


def join(groups: tuple[str, ...]) -> None:
    """Enter control groups, named by their files of processes."""
    join_open(open_groups(groups))


def open_groups(groups: tuple[str, ...]) -> list[int]:
    """Open control groups for someone to enter, who may not see them."""
    return [os.open(path, os.O_WRONLY) for path in groups]


def join_open(fds: list[int]) -> None:
    """Enter control groups that are open, and close them."""
    for fd in fds:
        os.write(fd, b"0")
        os.close(fd)


def enter(pod: int, *, only_files: bool = False) -> None:
    """Enter the namespaces of a pod, but for that of processes, which takes a fork."""
    kernel.setns(pod, kernel.CLONE_NEWNS if only_files else _NAMESPACES)
    os.chdir("/")


def become(person: Person) -> None:
    """Become a user without any capability, for good."""
    kernel.drop_bounding_set()
    if person.groups is not None:
        os.setgroups(person.groups)
    os.setresgid(person.gid, person.gid, person.gid)
    os.setresuid(person.uid, person.uid, person.uid)
    kernel.drop_capabilities()


def harden(guards: Guards) -> None:
    """Put this process under Landlock and the system call filter."""
    kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
    if guards.landlock:
        kernel.landlock()
    guards.filter.set()


def limit(memory_bytes: int) -> None:
    """Set the limits of a process that no control group knows, and of its memory where there is none."""
    if memory_bytes:
        resource.setrlimit(resource.RLIMIT_DATA, (memory_bytes, memory_bytes))
        resource.setrlimit(resource.RLIMIT_NPROC, (_MAX_PROCESSES, _MAX_PROCESSES))
    for kind, value in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, _MAX_FILES),
        (resource.RLIMIT_MSGQUEUE, 0),
        (resource.RLIMIT_MEMLOCK, 8 << 20),
        (resource.RLIMIT_SIGPENDING, 1024),
        (resource.RLIMIT_NICE, 0),
        (resource.RLIMIT_RTPRIO, 0),
    ):
        resource.setrlimit(kind, (value, value))


def first_to_go() -> None:
    """Ask the kernel to end this process before others when memory runs out, where one may ask."""
    ask_for_memory_kills(_KILLED_FIRST)


def never_to_go() -> None:
    """Ask the kernel to spare this process, where one may ask: with it a whole box ends."""
    ask_for_memory_kills(_KILLED_LAST)


def ask_for_memory_kills(order: bytes) -> None:
    """Set in which order the kernel ends processes for want of memory; a server without root may not."""
    try:
        fd = os.open("/proc/self/oom_score_adj", os.O_WRONLY)
    except PermissionError:
        return
    try:
        os.write(fd, order)
    except PermissionError:
        return
    finally:
        os.close(fd)


def enter_as(pod: int, person: Person, guards: Guards) -> None:
    """Enter a box for good, once in its groups: namespaces, limits, user and filter."""
    enter(pod)
    os.setsid()
    os.umask(0o022)
    limit(person.memory_bytes)
    become(person)
    harden(guards)
