"""The application of a router: steps on the short way, everything else as at a server."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from ..http.asgi import Headers
from ..http.control_plane import Application
from ..http.link import LinkEnd
from ..http.messages import Later, Request, Response
from ..protocol.calls import CALLS
from ..protocol.problems import Refused, bad_request
from .calls import RouterCalls

_STEPS = CALLS["steps"]


class RouterDoor(Application):
    """The whole router as one ASGI application.

    Args:
        calls: of the router.
        more: see Application.
    """

    def __init__(self, calls: RouterCalls, **more: Any) -> None:
        self._router_calls = calls
        super().__init__(calls.service, calls=calls, **more)

    def try_now(self, path: str, headers: Headers, body: bytes) -> tuple[Response, bool] | Later | None:
        """Begin a request for steps; None, with nothing done, if it is refused, or another one."""
        asked = self.read_steps(path, headers, body)
        if asked is None:
            return None
        caller, items, single, wait_s = asked
        calls = self._router_calls
        try:
            calls.admit(caller)
        except Refused:
            return None
        if single:
            return partial(calls.begin_step, caller, items[0], wait_s)
        request = Request(caller, wait_s=wait_s)

        def begin(give: Callable[[Response | None], object]) -> None:
            calls.begin_rows(_STEPS, request, items, lambda rows: give(calls.batch(rows)))

        return begin

    def link(self, headers: Headers, connections: set[Any]) -> LinkEnd | Response:
        """Open no link: routers ask servers, not each other."""
        return self.calls.refused(bad_request("this is a router", expected="the address of a server"))
