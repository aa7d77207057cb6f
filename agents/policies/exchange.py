"""Requests under way to an endpoint, those too for whose answers nobody waits any more."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

import httpx

from ...errors import PolicyError
from .endpoint import EndpointConfig

_MAX_SETTLE_S = 5.0
_HERE = ("all://localhost", "all://127.0.0.1", "all://[::1]")


class NoAnswer(Exception):
    """Why a request has got no answer."""


class TooLate(NoAnswer):
    """The end of the time for an answer, which may still come."""


class BrokenOff(NoAnswer):
    """The end of a connection on which a request may have been answered and paid."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back over HTTP; `after_s` is how long the endpoint asks to wait, if it does."""

    status: int
    content: bytes
    after_s: float | None = None


class Exchange:
    """The wire to one endpoint.

    A request that takes too long is given up, yet listened to for as long again: its
    answer is paid for all the same.

    Args:
        url: the base URL, with its version part.
        key: sent as a bearer token, if there is one.
        config: times and sizes.
        late: called with each answer that came too late, and with None once it is clear that none comes.
        transport: replaces the network, for tests.
    """

    def __init__(
        self,
        url: str,
        key: str | None,
        config: EndpointConfig,
        late: Callable[[Reply | None], None],
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._config, self._tell = config, late
        self._late: set[asyncio.Task[Reply]] = set()
        self._client = httpx.AsyncClient(
            base_url=url.rstrip("/") + "/",
            headers={"Authorization": f"Bearer {key}"} if key else {},
            timeout=None,
            limits=httpx.Limits(max_connections=2 * config.concurrent),
            transport=transport,
            mounts=dict.fromkeys(_HERE),  # no proxy of the environment
        )

    async def post(self, body: bytes) -> Reply:
        """Send one request and return what came back.

        Raises:
            TooLate: if nothing came in time.
            BrokenOff: if the connection ended before the answer did.
            NoAnswer: if nothing was asked.
            PolicyError: if the answer is too large.
        """
        task = asyncio.create_task(self._send(body))
        try:
            done, _ = await asyncio.wait({task}, timeout=self._config.timeout_s)
        except asyncio.CancelledError:
            task.cancel()
            raise
        if not done:
            self._late.add(task)
            task.add_done_callback(self._arrived)
            raise TooLate(f"no answer within {self._config.timeout_s:g} s")
        try:
            return task.result()
        except (httpx.TransportError, TimeoutError) as error:
            unsent = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.UnsupportedProtocol)
            raise (NoAnswer if unsent else BrokenOff)(f"{type(error).__name__} {error}".strip()) from error

    async def settle(self) -> int:
        """Wait a little for answers that are late; return how many have still not come."""
        if self._late:
            await asyncio.wait(self._late, timeout=min(self._config.timeout_s, _MAX_SETTLE_S))
        return len(self._late)

    async def aclose(self) -> None:
        """Give up what is late, and close the connections."""
        await self.settle()
        for task in self._late:
            task.cancel()
        await asyncio.gather(*self._late, return_exceptions=True)
        await self._client.aclose()

    async def _send(self, body: bytes) -> Reply:
        async with (
            asyncio.timeout(2 * self._config.timeout_s),
            self._client.stream(
                "POST", "chat/completions", content=body, headers={"Content-Type": "application/json"}
            ) as response,
        ):
            content = bytearray()
            async for chunk in response.aiter_bytes():
                content += chunk
                if len(content) > self._config.max_reply_bytes:
                    raise PolicyError(f"an answer of more than {self._config.max_reply_bytes} bytes")
            return Reply(response.status_code, bytes(content), retry_after(response.headers))

    def _arrived(self, task: asyncio.Task[Reply]) -> None:
        self._late.discard(task)
        failed = task.cancelled() or task.exception() is not None
        self._tell(None if failed else task.result())


def retry_after(headers: httpx.Headers) -> float | None:
    """Read how many seconds an endpoint asks to wait: a number or a date (RFC 9110, 10.2.3)."""
    for name, unit in (("retry-after-ms", 1e-3), ("retry-after", 1.0)):
        value = headers.get(name, "").strip()
        try:
            seconds = float(value) * unit
        except ValueError:
            continue
        if math.isfinite(seconds) and seconds >= 0:
            return seconds
    try:
        return max(0.0, parsedate_to_datetime(headers.get("retry-after", "")).timestamp() - time.time())
    except ValueError:
        return None
