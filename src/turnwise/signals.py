"""SIGTERM, and SIGHUP of a terminal that goes away, end a command as Ctrl-C does.

Python itself ends at once at either, and environments that hold processes, connections or
licences keep them. So what is open is closed on the way out. A server has handlers of its own.
"""

from __future__ import annotations

import signal

_ENDS = (signal.SIGTERM, signal.SIGHUP)
_RECEIVED: list[int] = []


def interrupt_when_told_to_end() -> None:
    """Have these signals do from now on what Ctrl-C does, but for one that is ignored, as by nohup."""
    for number in _ENDS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _interrupt)


def how_ended(code: int) -> str:
    """Say how a process ended.

    Args:
        code: its exit code; where a signal killed it minus the signal, or 128 and the signal as shells say.
    """
    number = -code if code < 0 else code - 128
    if number not in {each.value for each in signal.Signals}:
        return f"ended with exit code {code}"
    name = signal.Signals(number).name
    more = ", as the kernel does where memory runs out" if name == "SIGKILL" else ""
    return f"was killed by {name}{more}"


def told_to_end() -> int:
    """Return the signal that interrupted this process first; 0 if it was none of these."""
    return _RECEIVED[0] if _RECEIVED else 0


def _interrupt(number: int, _: object) -> None:
    _RECEIVED.append(number)
    if not callable(signal.getsignal(signal.SIGINT)):  # ignored, as in the background of a script
        signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.raise_signal(signal.SIGINT)  # an event loop has a handler of its own
