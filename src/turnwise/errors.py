"""The exceptions of turnwise.

Each is a TurnwiseError and also a standard-library type, so that callers may
catch either. The text says what was given, what was expected and what to do.

TurnwiseError
  UsageError (ValueError)            a wrong argument, option or file; exit code 2
    UnknownName (LookupError)        a name that nothing is registered under
    TableError                       columns that do not form a turn table
  EnvironmentFault (RuntimeError)    an environment broke its contract
  ServerError (ConnectionError)      the other end of the wire failed
    ServerUnreachable                no answer within the retries
    RequestRefused                   an answer that is a problem document
  PolicyError (RuntimeError)         a policy could not generate
  TrainingError (RuntimeError)       a run cannot go on
  Stopped (RuntimeError)             somebody has asked what goes on to stop
  NotRunning (RuntimeError)          what should be controlled does not go on
  CheckpointError (OSError)          a checkpoint is missing, broken or foreign
    CheckpointMissing (ValueError)   a UsageError too: what was named is not there
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class TurnwiseError(Exception):
    """The root of everything that turnwise raises on purpose."""


class UsageError(TurnwiseError, ValueError):
    """An argument, an option or a file of the user that is wrong."""


class UnknownName(UsageError, LookupError):
    """A name under which nothing is registered, with the names that are close.

    Args:
        kind: what the name should have named, e.g. "environment".
        given: the name as given.
        known: every name that would have been accepted.
        more: what else there is to say, after the names.
        listed: all of the names in words of one's own, told in place of a list of them.
    """

    def __init__(
        self, kind: str, given: str, known: Iterable[str], more: str = "", *, listed: str = ""
    ) -> None:
        self.kind, self.given, self.known = kind, given, sorted(known)
        close = difflib.get_close_matches(given, self.known, n=3, cutoff=0.5)
        if close:
            hint = "did you mean " + " or ".join(repr(name) for name in close) + "?"
            hint += f"\n{listed}" if "\n" in listed else f" ({listed})" if listed else ""
        elif listed:
            hint = listed
        elif self.known:
            hint = "known: " + ", ".join(self.known[:20]) + (", ..." if len(self.known) > 20 else "")
        else:
            hint = f"no {kind} is registered"
        super().__init__(f"unknown {kind} {given!r}: {hint}{more}")


class TableError(UsageError):
    """The trajectory and turn that keep columns from forming a turn table."""


class ColumnMissing(TableError):
    """A column of a turn table that is asked for and is not there; `column` is its name."""

    def __init__(self, column: str, message: str) -> None:
        self.column = column
        super().__init__(message)


class EnvironmentFault(TurnwiseError, RuntimeError):
    """What an environment raised or returned against the contract."""


class ServerError(TurnwiseError, ConnectionError):
    """A failure of the other end of the wire."""


class ServerUnreachable(ServerError):
    """A server that gave no answer within the allowed retries."""


class RequestRefused(ServerError):
    """A problem document (RFC 9457) that a server answered with.

    Args:
        status: the HTTP status code.
        code: the short machine-readable code of the problem.
        detail: the sentence for people.
        expected: what the server expected instead, where it says so.
    """

    def __init__(self, status: int, code: str, detail: str, expected: object = None) -> None:
        self.status, self.code, self.detail, self.expected = status, code, detail, expected
        super().__init__(f"{status} {code}: {detail}")


class PolicyError(TurnwiseError, RuntimeError):
    """The reason why a policy could not generate."""


class TrainingError(TurnwiseError, RuntimeError):
    """The reason why a training run cannot go on."""


class Stopped(TurnwiseError, RuntimeError):
    """The end of what goes on because somebody has asked for it; what was done is kept."""


class NotRunning(TurnwiseError, RuntimeError):
    """The reason why what should be controlled takes no requests."""


class CheckpointError(TurnwiseError, OSError):
    """A checkpoint file that is missing, broken or foreign."""


class CheckpointMissing(CheckpointError, UsageError):
    """A folder or a name that was given for a checkpoint, where there is none."""
