"""Many things under way in one thread: generators that wait for a process, a moment or each other.

A task yields `Ended(pid)` to wait for a child's end (it is sent the status), `Told(number)` for what another
process says, `Until(moment)` to sleep, or a lock to be the only one at something.
"""

from __future__ import annotations

import heapq
import itertools
import os
import select
import signal
import time
from collections import deque
from collections.abc import Callable, Generator
from typing import Any, NamedTuple


class Ended(NamedTuple):
    """The end of a child, to be waited for."""

    pid: int


class Told(NamedTuple):
    """What another process tells of, by a number."""

    number: int


class Until(NamedTuple):
    """A moment by the monotonic clock, to be waited for."""

    moment: float


class Lock:
    """Whoever is at something that only one may do; taken by yielding it."""

    def __init__(self) -> None:
        self.taken = False
        self.waiting: deque[Task] = deque()


class Timer:
    """What is called at a moment."""

    __slots__ = ("call", "moment", "number")

    def __init__(self, moment: float, number: int, call: Callable[[], None]) -> None:
        self.moment, self.number = moment, number
        self.call: Callable[[], None] | None = call

    def __lt__(self, other: Timer) -> bool:
        return (self.moment, self.number) < (other.moment, other.number)


Task = Generator[Any, Any, None]


class Loop:
    """The one thread: descriptors that are ready, children that ended, moments that came."""

    def __init__(self) -> None:
        self._poll = select.epoll()
        self._readers: dict[int, Callable[[], None]] = {}
        self._children: dict[int, Callable[[int], None]] = {}
        self._ended: dict[int, int] = {}  # status of children that nobody has asked for yet
        self._timers: list[Timer] = []
        self._told: dict[int, Task] = {}
        self._count = itertools.count()
        self._woken, wake = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self.read(self._woken, self._reap)

    def _reap(self) -> None:
        os.read(self._woken, 4096)
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            call = self._children.pop(pid, None)
            if call is None:
                self._ended[pid] = status
            else:
                call(status)

    def read(self, fd: int, call: Callable[[], None]) -> None:
        """Call this whenever a descriptor can be read or is at its end."""
        self._readers[fd] = call
        self._poll.register(fd, select.EPOLLIN)

    def forget(self, fd: int) -> None:
        """Look at a descriptor no more."""
        if self._readers.pop(fd, None) is not None:
            self._poll.unregister(fd)

    def at(self, moment: float, call: Callable[[], None]) -> Timer:
        """Call this once a moment has come, unless the timer's call is taken away before."""
        timer = Timer(moment, next(self._count), call)
        heapq.heappush(self._timers, timer)
        return timer

    def ended(self, pid: int, call: Callable[[int], None]) -> None:
        """Call this with a child's wait status once it has ended."""
        if pid in self._ended:
            call(self._ended.pop(pid))
        else:
            self._children[pid] = call

    def kill(self, pid: int) -> None:
        """Kill a child that has not ended."""
        if pid in self._children:
            os.kill(pid, signal.SIGKILL)

    def start(self, task: Task, value: Any = None) -> None:
        """Run a task to its next wait."""
        try:
            wanted = task.send(value)
        except StopIteration:
            return
        if isinstance(wanted, Ended):
            self.ended(wanted.pid, lambda status: self.start(task, status))
        elif isinstance(wanted, Told):
            self._told[wanted.number] = task
        elif isinstance(wanted, Until):
            self.at(wanted.moment, lambda: self.start(task))
        elif wanted.taken:
            wanted.waiting.append(task)
        else:
            wanted.taken = True
            self.start(task)

    def tell(self, number: int, value: Any) -> None:
        """Send a value to the task that waits to be told of a number."""
        task = self._told.pop(number, None)
        if task is not None:
            self.start(task, value)

    def numbers(self) -> list[int]:
        """Return the numbers that tasks wait to be told of."""
        return list(self._told)

    def free(self, lock: Lock) -> None:
        """Give up a lock; the next who waits has it."""
        if lock.waiting:
            task = lock.waiting.popleft()
            self.at(0.0, lambda: self.start(task))
        else:
            lock.taken = False

    def turn(self) -> None:
        """Wait for what comes next and serve it."""
        wait = -1.0
        if self._timers:
            wait = max(0.0, self._timers[0].moment - time.monotonic())
        for fd, _ in self._poll.poll(wait):
            call = self._readers.get(fd)
            if call is not None:
                call()
        while self._timers and self._timers[0].moment <= time.monotonic():
            call = heapq.heappop(self._timers).call
            if call is not None:
                call()
