"""The process that keeps environments for a server: `python -m turnwise.servers.isolation.env_process [FD]`.

It talks over a socket that it has inherited as FD or, without one, over its
standard input and output, which is how a server reaches into a container. It
ends when the server does, however the server ended, even while an environment
hangs. What environments print is bounded by being dropped.
"""

from __future__ import annotations

import os
import signal
import sys

from .lifeline import go_on_under_guard, ignore


def main() -> None:
    """Serve requests until the server closes the connection."""
    reads, writes = _descriptors(sys.argv[1:])
    go_on_under_guard(reads)
    from .env_calls import answer_requests  # in the child, so that the guard stays small

    signal.signal(signal.SIGINT, ignore)
    _silence()
    code = 1
    try:
        with os.fdopen(reads, "rb") as requests, os.fdopen(writes, "wb") as answers:
            answer_requests(requests, answers)
        code = 0
    finally:
        os._exit(code)  # threads of environments would keep the interpreter from ending


def _descriptors(arguments: list[str]) -> tuple[int, int]:
    if arguments:
        return int(arguments[0]), os.dup(int(arguments[0]))
    return os.dup(0), os.dup(1)


def _silence() -> None:
    """Take the standard streams away from environments; until here errors of the start were heard."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nothing, descriptor)
    os.close(nothing)


if __name__ == "__main__":
    main()
