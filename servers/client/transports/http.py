"""Requests through httpx.

It takes more than a millisecond of processor time for a single step of many sessions at
once, hundreds of times what the step itself takes. The control plane does not mind.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from ..address import proxy_of
from .base import ClientResponse, Headers, Stream, TransportFailed


class HttpTransport:
    """A way to a server through httpx.

    Args:
        address: where the server is.
        headers: what every request carries.
        timeout_s: how long a response may take.
        network: stands in for the network, e.g. httpx.ASGITransport(app=...).
    """

    def __init__(
        self,
        address: str,
        headers: Headers,
        timeout_s: float,
        network: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.address = address
        self._http = httpx.AsyncClient(
            base_url=address,
            headers=dict(headers),
            timeout=httpx.Timeout(timeout_s, connect=min(10.0, timeout_s)),
            limits=httpx.Limits(max_connections=64, max_keepalive_connections=64, keepalive_expiry=60.0),
            transport=network,
            trust_env=False,
            proxy=proxy_of(address) if network is None else None,
            verify=httpx.create_ssl_context()
            if address.startswith("https://")
            else False,  # nothing to verify
        )

    async def call(self, method: str, path: str, body: bytes | None, headers: Headers) -> ClientResponse:
        """Send a request and return its response; see Transport."""
        with _failures():
            response = await self._http.request(method, path, content=body, headers=dict(headers))
        return ClientResponse(response.status_code, response.headers, response.content)

    async def stream(self, method: str, path: str, body: bytes | None, headers: Headers) -> Stream:
        """Send a request and give its response as it comes; see Transport."""
        with _failures():
            async with self._http.stream(method, path, content=body, headers=dict(headers)) as response:
                if response.status_code != 200:
                    yield ClientResponse(response.status_code, response.headers, await response.aread())
                    return
                yield ClientResponse(200, response.headers, b"")
                async for part in response.aiter_bytes():
                    yield part

    async def aclose(self) -> None:
        """Release connections."""
        await self._http.aclose()


@contextmanager
def _failures() -> Iterator[None]:
    """Turn the failures of httpx into TransportFailed."""
    try:
        yield
    except httpx.TransportError as error:
        raise TransportFailed(f"{type(error).__name__}: {error}".rstrip(": ")) from error
