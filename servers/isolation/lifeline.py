"""How processes end with those that they serve, whatever they are doing at that moment.

An environment may hang where no thread of its process gets to run, so that what
ends it has to be another process, or the system.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import sys
import threading

_PR_SET_PDEATHSIG = 1


def die_with(parent: int) -> None:
    """Have this process killed when its parent dies.

    Where the system cannot, on others than Linux, this does nothing unless the parent is dead by now.

    Args:
        parent: its process id, asked for before this process was forked.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL))
    if os.getppid() != parent:  # it died before
        os._exit(1)


def ignore(*_: object) -> None:
    """Handle a signal by doing nothing; unlike SIG_IGN, programs that are started do not inherit it."""


ignore.raises_nothing = True  # type: ignore[attr-defined]


def go_on_under_guard(descriptor: int) -> None:
    """Go on in a child, and leave this process behind as its guard.

    The guard ends as the child does. It kills the child when the other end of
    `descriptor` is closed, which the system does for one that dies.

    Args:
        descriptor: a pipe to read from, or a socket.
    """
    guard = os.getpid()
    child = os.fork()
    if child == 0:
        die_with(guard)
        return
    threading.Thread(target=_kill_at_hangup, args=(child, descriptor), daemon=True).start()
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    os._exit(code if code >= 0 else 128 - code)  # as a shell reports signals


def _kill_at_hangup(child: int, descriptor: int) -> None:
    poll = select.poll()
    poll.register(descriptor, 0)  # no data wakes it, only the end
    poll.poll()
    os.kill(child, signal.SIGKILL)
