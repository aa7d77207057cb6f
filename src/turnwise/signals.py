"""SIGTERM ends a command as Ctrl-C does, so that what is open is closed on the way out.

Python itself ends at once at SIGTERM, and environments that hold processes, connections or
licences keep them. A server has handlers of its own.
"""

from __future__ import annotations

import signal

_RECEIVED: list[int] = []


def interrupt_at_sigterm() -> None:
    """Have SIGTERM do from now on what Ctrl-C does."""
    signal.signal(signal.SIGTERM, _interrupt)


def terminated() -> bool:
    """Tell whether SIGTERM was what interrupted this process."""
    return bool(_RECEIVED)


def _interrupt(number: int, _: object) -> None:
    _RECEIVED.append(number)
    if not callable(signal.getsignal(signal.SIGINT)):  # ignored, as in the background of a script
        signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.raise_signal(signal.SIGINT)  # an event loop has a handler of its own
