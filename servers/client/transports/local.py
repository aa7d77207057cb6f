"""Requests to a service in this process: the calls and the bytes of the server, without sockets."""

from __future__ import annotations

import asyncio
from urllib.parse import parse_qs, unquote, urlsplit

from ...benchmarks.hosting import Hosting
from ...http.dispatch import Calls, refusal_response
from ...http.keys import ANYONE, Caller
from ...http.messages import Request, Response
from ...isolation.catalogue import Catalogue
from ...protocol.calls import CALLS, Call
from ...protocol.encoding import PROTOCOL, load_body, read_steps
from ...protocol.problems import Refused
from ...sessions.leases import keep_reaping
from ...sessions.service import Service
from .base import ClientResponse, Headers, Stream

_HEADERS = {"turnwise-protocol": str(PROTOCOL)}
_CALLS: dict[tuple[str, str], Call] = {(call.method, call.path): call for call in CALLS.values()}


class LocalTransport:
    """A way to a service in this process.

    Replies go through the same encoding as over the wire, so that nothing depends on
    where the service runs. A transport belongs to one event loop.

    Args:
        service: where the sessions live; by default one of its own, which trusts the
            caller: every class and file is allowed.
        hosting: the benchmarks that the caller may play there, and nothing else.
    """

    address = "local:"

    def __init__(self, service: Service | None = None, hosting: Hosting | None = None) -> None:
        self.service = service or Service(Catalogue(trusted=True))
        self._calls = Calls(self.service, hosting=hosting)
        self._caller = ANYONE if hosting is None else Caller("", benchmarks=tuple(hosting.benchmarks))
        self._owns = service is None
        self._reaper: asyncio.Task[None] | None = None

    async def call(self, method: str, path: str, body: bytes | None, headers: Headers) -> ClientResponse:
        """Answer a request; see Transport."""
        if self._reaper is None and self._owns:
            self._reaper = asyncio.create_task(keep_reaping(self.service))
        call, id, fields = _read(method, path)
        try:
            if call.name == "steps" and body is not None:
                response = await self._step(body, fields)
            else:
                wait_s = float(headers.get("prefer", "wait=0").removeprefix("wait="))
                document = None if body is None else load_body(body)
                request = Request(self._caller, document, id, None, wait_s, fields)
                response = await self._calls.call(call, request)
        except Refused as refusal:
            response = refusal_response(self._calls, refusal)
        return ClientResponse(response.status, _HEADERS, response.body)

    async def stream(self, method: str, path: str, body: bytes | None, headers: Headers) -> Stream:
        """Answer a request for steps as they are done; see Transport."""
        assert body is not None, "steps have a body"
        try:
            items = read_steps(load_body(body), self.service.limits)
        except Refused as refusal:
            response = refusal_response(self._calls, refusal)
            yield ClientResponse(response.status, _HEADERS, response.body)
            return
        yield ClientResponse(200, _HEADERS, b"")
        async for lines in self._calls.stream(self._caller, items, _read(method, path)[2]):
            yield lines

    async def aclose(self) -> None:
        """Close the service, if it is the transport's own."""
        if self._reaper is not None:
            self._reaper.cancel()
            await asyncio.wait({self._reaper})
            self._reaper = None
        if self._owns:
            await self.service.aclose()

    async def _step(self, body: bytes, fields: list[str]) -> Response:
        """Take steps, however long they take: nothing is on the way that could not wait for them."""
        items = read_steps(load_body(body), self.service.limits)
        if fields or not self._calls.runs_now(self._caller, items):
            request = Request(self._caller, fields=fields)
            return self._calls.batch(await self._calls.steps(request, items))
        response = self._calls.steps_now(self._caller, items)
        await self.service.commit()
        return response


def _read(method: str, path: str) -> tuple[Call, str, list[str]]:
    """Return the call of an address, the session that it names, and its fields."""
    fields: list[str] = []
    if "?" in path:
        given = parse_qs(urlsplit(path).query).get("fields", [])
        fields, path = [name for part in given for name in part.split(",") if name], path.partition("?")[0]
    if (method, path) in _CALLS:
        return _CALLS[method, path], "", fields
    parts = path.split("/")
    for place in range(len(parts) - 1, 0, -1):
        named = "/".join([*parts[:place], "{id}", *parts[place + 1 :]])
        if (method, named) in _CALLS:
            return _CALLS[method, named], unquote(parts[place]), fields
    raise KeyError(path)
