"""A connection to one server, over which a router calls it for everybody; see `http.link`."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncGenerator, Callable, Sequence
from itertools import count
from typing import Any
from urllib.parse import urlsplit

import orjson

from ..http.frames import MAX_FRAME_BYTES, Frames, unpack_answer
from ..http.keys import Caller
from ..http.link import ACCEPTED, MORE, PATH, UPGRADE
from ..http.messages import Response
from ..protocol.problems import PROBLEM_TYPE, Refused, encode_problem, too_large
from ..protocol.router_problems import server_gone
from .places import Place

CONNECT_S = 5.0
_MAX_REFUSAL_BYTES = 65_536

Give = Callable[[Response], object]


class LinkRefused(Exception):
    """The words of a server that opens no link."""


class Link(Frames):
    """The end of a link that calls.

    Args:
        name: of the server, for what is said when it is gone.
    """

    def __init__(self) -> None:
        super().__init__()
        self.name = ""
        self.closed = False
        self.accepted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting: dict[int, Give] = {}
        self._numbers = count()
        self._head = b""

    def ask(self, name: str, caller: Caller, arguments: Sequence[Any], give: Give) -> int:
        """Make a call; `give` is called with its answer, once, or as often as `MORE` says.

        Returns:
            the number by which it can be forgotten.

        Raises:
            Refused: if it is too large, or the server is gone.
        """
        content = orjson.dumps([name, caller.name, caller.evaluation, caller.benchmarks, *arguments])
        if len(content) > MAX_FRAME_BYTES:
            raise Refused(too_large("bytes of the call", len(content), MAX_FRAME_BYTES))
        if self.closed:
            raise Refused(server_gone(self.name), retry_after_s=1.0)
        number = next(self._numbers)
        self._waiting[number] = give
        self.send(number, content)
        return number

    def forget(self, number: int) -> None:
        """Take no answer to a call any more."""
        self._waiting.pop(number, None)

    async def call(self, name: str, caller: Caller, *arguments: Any) -> Response:
        """Make a call and return its answer, a problem where it was refused.

        Raises:
            Refused: as `ask`.
        """
        answer: asyncio.Future[Response] = asyncio.get_running_loop().create_future()

        def take(given: Response) -> None:
            if not answer.done():
                answer.set_result(given)

        number = self.ask(name, caller, arguments, take)
        try:
            return await answer
        finally:
            self.forget(number)

    async def stream(self, name: str, caller: Caller, *arguments: Any) -> AsyncGenerator[Response, None]:
        """Make a call and give its answer part by part; the last part is not `MORE`.

        Raises:
            Refused: as `ask`.
        """
        parts: asyncio.Queue[Response] = asyncio.Queue()
        number = self.ask(name, caller, arguments, parts.put_nowait)
        try:
            while (part := await parts.get()).status == MORE:
                yield part
            yield part
        finally:
            self.forget(number)

    def data_received(self, data: bytes) -> None:
        """Take frames, once the server has opened the link."""
        if self.accepted.done():
            super().data_received(data)
            return
        self._head += data
        if self._head.startswith(ACCEPTED):
            self.accepted.set_result(None)
            super().data_received(self._head[len(ACCEPTED) :])
        elif not ACCEPTED.startswith(self._head) and (
            b"\r\n\r\n" in self._head or len(self._head) > _MAX_REFUSAL_BYTES
        ):
            line = self._head.partition(b"\r\n")[0].decode("latin-1")[:200]
            self._refuse(f"it opens no link: {line!r}")
            self.hang_up()

    def framed(self, number: int, content: bytes) -> None:
        """Give an answer to who waits for it, if anybody still does."""
        answer = unpack_answer(content)
        waiting = self._waiting
        give = waiting.get(number) if answer.status == MORE else waiting.pop(number, None)
        if give is not None:
            give(answer)

    def _refuse(self, why: str) -> None:
        """Tell who opens the link that there is none; nobody may be there any more, which is no loss."""
        self.accepted.set_exception(LinkRefused(why))
        self.accepted.exception()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell all who wait that the server is gone."""
        self.closed = True
        if not self.accepted.done():
            self._refuse(f"the connection broke: {exc or 'closed by the server'}")
        waiting, self._waiting = self._waiting, {}
        gone = Response(503, encode_problem(server_gone(self.name)), PROBLEM_TYPE, 1.0)
        for give in waiting.values():
            give(gone)


async def opened(place: Place, secret: str) -> Link:
    """Open a link.

    Raises:
        LinkRefused: if the server does not open one.
        OSError: if there is no connection, or not in time.
    """
    parts = urlsplit(place.url)
    host, tls = parts.hostname or "", parts.scheme == "https"
    port = parts.port or (443 if tls else 80)
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(CONNECT_S):
        _, link = await loop.create_connection(
            Link,
            place.ip,
            port,
            ssl=ssl.create_default_context() if tls else None,
            server_hostname=host if tls else None,
        )
        key = f"Authorization: Bearer {secret}\r\n" if secret else ""
        head = (
            f"GET {parts.path.rstrip('/')}{PATH.decode()} HTTP/1.1\r\n"
            f"Host: {parts.netloc.rpartition('@')[2]}\r\n"
            f"Connection: Upgrade\r\nUpgrade: {UPGRADE.decode()}\r\n{key}\r\n"
        )
        assert link.transport is not None, "connected"
        link.transport.write(head.encode("latin-1"))
        try:
            await link.accepted
        except BaseException:
            link.hang_up()
            raise
    return link
