"""A stop where every episode would fail alike: a policy that can make none of its first messages."""

from __future__ import annotations

from ...errors import PolicyError
from ..policy import PolicyStopped

_FIRST_FAILURES = 4


class Breaker:
    """The messages that a policy could not make before it made any."""

    def __init__(self) -> None:
        self._failures: int | None = 0  # None once a message was made

    def made(self) -> None:
        """Note that the policy can make a message."""
        self._failures = None

    def failed(self, error: PolicyError) -> None:
        """Count a message that could not be made.

        Raises:
            PolicyStopped: if it is the fourth, and none was made.
        """
        if self._failures is None:
            return
        self._failures += 1
        if self._failures >= _FIRST_FAILURES:
            raise PolicyStopped(
                f"{error}; none of the first {self._failures} messages could be made"
            ) from error
