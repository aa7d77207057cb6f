"""A stop where every episode would fail alike.

Of a policy that can make none of its first messages, and of an environment that refuses the first tasks.
"""

from __future__ import annotations

from collections.abc import Hashable

from ...errors import PolicyError, TurnwiseError, UsageError
from ..policy import PolicyStopped

_FIRST_FAILURES = 4


class Breaker:
    """The messages that a policy could not make before it made any."""

    def __init__(self) -> None:
        self._failures: int | None = 0  # None once a message was made

    def made(self) -> None:
        """Note that the policy can make a message."""
        self._failures = None

    def failed(self, error: PolicyError, env_id: str) -> None:
        """Count a message that could not be made, in an environment.

        Raises:
            PolicyStopped: if it is the fourth, and none was made.
        """
        if self._failures is None:
            return
        self._failures += 1
        if self._failures >= _FIRST_FAILURES:
            raise PolicyStopped(
                f"{env_id}: {error}; none of the first {self._failures} messages could be made"
            ) from error


class TaskRefused(TurnwiseError):
    """The reason why an environment cannot begin a task, however often it is tried."""


class Beginnings:
    """The tasks that were refused before any could be begun.

    Args:
        num_tasks: how many different ones there are.
    """

    def __init__(self, num_tasks: int) -> None:
        self._most = min(_FIRST_FAILURES, num_tasks)
        self._refused: set[Hashable] | None = set()  # None once a task has begun

    def made(self) -> None:
        """Note that a task has begun."""
        self._refused = None

    def refused(self, task: Hashable, reason: str) -> None:
        """Count a task that was refused.

        Raises:
            UsageError: if it is the fourth, or the last that there is, and none has begun.
        """
        if self._refused is None:
            return
        self._refused.add(task)
        num = len(self._refused)
        if num >= self._most:
            raise UsageError(reason + (f"; none of the first {num} tasks could be begun" if num > 1 else ""))
