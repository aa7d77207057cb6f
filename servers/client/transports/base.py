"""What carries the requests of a client."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from typing import NamedTuple, Protocol

Headers = Mapping[str, str]


class TransportFailed(Exception):
    """The reason why a request got no whole response."""


class ClientResponse(NamedTuple):
    """A response as a client sees it: status, headers with lower-case names, body."""

    status: int
    headers: Headers
    body: bytes


Stream = AsyncGenerator[ClientResponse | bytes, None]


class Transport(Protocol):
    """A way to a server.

    Attributes:
        address: where the server is, for messages.
    """

    address: str

    async def call(self, method: str, path: str, body: bytes | None, headers: Headers) -> ClientResponse:
        """Send a request and return its response.

        Args:
            method: of HTTP.
            path: begins with a slash; may end with a query.
            body: JSON, or None where there is no body.
            headers: with lower-case names.

        Raises:
            TransportFailed: if no whole response came back in time.
        """
        ...

    def stream(self, method: str, path: str, body: bytes | None, headers: Headers) -> Stream:
        """Send a request and give its response as it comes.

        Yields:
            a response of status 200 without its body, then the parts of the body; any
            other response whole.

        Raises:
            TransportFailed: if the response breaks off, or no part of it comes in time.
        """
        ...

    async def aclose(self) -> None:
        """Release connections."""
        ...
