"""What a call is asked with and answered with, whatever carries it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from ..protocol.encoding import select_fields_of_all
from .keys import Caller

JSON_TYPE = "application/json"
WELCOME = "turnwise.welcome"
"""Where the state of a connection's scope holds what to call when it is known who is there."""


class Request(NamedTuple):
    """What is asked of a call, before its body is checked.

    Args:
        caller: who asks.
        body: what was decoded; between workers a list of rows where there are items.
        id: the session, where the call names one.
        turn: of which the reply is wanted.
        wait_s: how long the client waits, in seconds; None where it does not say.
        fields: keys of info to keep, or with a minus in front to leave out.
        query: what else the query holds, where the call knows it.
    """

    caller: Caller
    body: Any = None
    id: str = ""
    turn: int | None = None
    wait_s: float | None = None
    fields: Sequence[str] = ()
    query: Mapping[str, str] = {}


class Response(NamedTuple):
    """What a call is answered with; `retry_after_s` in seconds."""

    status: int
    body: bytes
    media_type: str = JSON_TYPE
    retry_after_s: float | None = None

    def only(self, fields: Sequence[str]) -> Response:
        """Leave out parts of what a create, fork or describe is answered with."""
        if not fields or self.status != 200:
            return self
        return self._replace(body=select_fields_of_all(self.body, fields))


Later = Callable[[Callable[[Response | None], object]], object]
"""A request that was begun: called once, with what takes its answer; None where the connection is to end."""
