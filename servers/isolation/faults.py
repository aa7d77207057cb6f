"""What goes wrong with an environment in another process, as it is told here."""

from __future__ import annotations

from ...envs.sandbox.errors import ImageError
from ...errors import TurnwiseError, UsageError


class HostLost(TurnwiseError):
    """The process of an environment is gone.

    Args:
        detail: what happened.
        in_flight: whether it went during this call, which may so be the cause.
    """

    def __init__(self, detail: str, in_flight: bool) -> None:
        self.in_flight = in_flight
        super().__init__(detail)


class DeadlineOver(TurnwiseError):
    """An environment took longer than it may."""


class AllStuck(TurnwiseError):
    """No process is left that an environment could be built in, since calls hang in all of them."""


class RemoteFault(TurnwiseError):
    """What an environment raised in its process.

    Args:
        reason: type and text, as they would be given had it been raised here.
        trace: the traceback over there.
        of_files: whether it is an OSError, as for a file that is missing.
    """

    def __init__(self, reason: str, trace: str, *, of_files: bool = False) -> None:
        self.reason, self.trace, self.of_files = reason, trace, of_files
        super().__init__(reason)


REFUSALS = (UsageError, ImageError)
"""What an environment raises of arguments, files and images that are wrong, however often it is tried."""


def reason_of(error: BaseException) -> str:
    """Tell what an environment raised, the same wherever it runs."""
    reason = error.reason if isinstance(error, RemoteFault) else f"{type(error).__name__}: {error}"
    return reason.encode("utf-8", "replace").decode("utf-8")
