"""Run a command for as long as standard input is open, then end it and all that it has started.

    python -I watch.py SECONDS COMMAND...

Whoever holds the other end of standard input may die in any way: the command goes with it. It is asked to
end, and killed after so many seconds. Only the standard library is used, so any interpreter can run this.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import subprocess
import sys
import time

_PR_SET_PDEATHSIG = 1
_POLL_S = 0.5


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def watched(command: list[str], stop_s: float) -> list[str]:
    """Return the command that runs another for as long as its standard input is open.

    Args:
        command: what is run.
        stop_s: how long it may take to end before it is killed.
    """
    return [sys.executable, "-I", __file__, str(stop_s), *command]


def main(stop_s: float, command: list[str]) -> int:
    """Run the command; return its exit code, as a shell reports it."""
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        start_new_session=True,  # a group of its own, which is ended as a whole
        preexec_fn=_die_with_parent if sys.platform == "linux" else None,
    )
    signal.signal(signal.SIGTERM, lambda *_: _end(process, stop_s))
    while process.poll() is None:
        readable, _, _ = select.select([sys.stdin], [], [], _POLL_S)
        if readable and not os.read(sys.stdin.fileno(), 1024):
            break
    _end(process, stop_s)
    code = process.wait()
    return code if code >= 0 else 128 - code


def _end(process: subprocess.Popen[bytes], stop_s: float) -> None:
    """End the group: asked first, killed after a while; workers that outlive their parent too."""
    deadline = time.monotonic() + stop_s
    if process.poll() is None:
        _signal(process.pid, signal.SIGTERM)
        _signal(process.pid, signal.SIGCONT)  # one that is stopped could not end
        while process.poll() is None and time.monotonic() < deadline:
            time.sleep(_POLL_S / 10)
    _signal(process.pid, signal.SIGKILL)


def _signal(group: int, number: int) -> None:
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]), sys.argv[2:]))
