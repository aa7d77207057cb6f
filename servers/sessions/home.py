"""What parts of a service see of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from ..protocol.limits import Limits
from .counts import Ledger
from .environments import Environments
from .journal.records import Journal
from .metrics import Metrics
from .request_memory import RequestMemory
from .session import Session


class Home(Protocol):
    """A service, to what is done in it by parts of it."""

    sessions: dict[str, Session]
    limits: Limits
    journal: Journal
    ledger: Ledger
    metrics: Metrics
    environments: Environments
    request_memory: RequestMemory
    clock: Callable[[], float]
    draining: bool

    async def commit(self) -> None:
        """Make everything that was answered durable."""
        ...
