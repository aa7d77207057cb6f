"""What parts of a router's calls see of them."""

from __future__ import annotations

from collections.abc import Coroutine, Sequence
from typing import Any, Protocol

from ..http.keys import Caller
from ..http.messages import Response
from .finding import Finder
from .fleet import Fleet


class Routes(Protocol):
    """The ways to servers; see `calls`."""

    fleet: Fleet
    finder: Finder

    async def at_session(self, caller: Caller, id: str, name: str, arguments: Sequence[Any]) -> Response:
        """Make a call at the server that holds a session."""
        ...

    async def followed(
        self,
        caller: Caller,
        id: str,
        name: str,
        arguments: Sequence[Any],
        asked: str,
        answer: Response | None,
    ) -> Response:
        """Ask on from one server to the next, until an answer is the last word."""
        ...

    def beside(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something beside, which is waited for when the router stops."""
        ...
