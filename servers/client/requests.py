"""Requests over a transport, and what their responses mean.

A repeated request is always safe: steps and resets name their episode and turn, create
and fork their request_id, and whatever was done already is answered from store.
"""

from __future__ import annotations

import logging
import os
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any
from urllib.parse import quote

import orjson

from ...errors import ServerError, ServerUnreachable
from ..protocol.calls import CALLS, Call
from ..protocol.encoding import NDJSON_TYPE, PROTOCOL, decode_item, encode_given, problem_from
from ..protocol.types import Problem, Reply
from .bound import check_process
from .retry import Budget
from .trace_header import trace_headers
from .transports.base import ClientResponse, Transport, TransportFailed

log = logging.getLogger("turnwise.client")

_RETRIED = {408, 425, 429, 500, 502, 503, 504}
_RETRIED_CODES = {
    "busy",
    "journal_unavailable",
    "draining",
    "rebuild_failed",
    "worker_gone",
    "server_gone",
    "moving",
}
_WORTH_SAYING_S = 1.0
_JSON = {"content-type": "application/json"}


class NotNow(Exception):
    """A request that the server has refused for now, and how long to wait at least."""

    def __init__(self, reason: str, at_least_s: float) -> None:
        self.reason, self.at_least_s = reason, at_least_s
        super().__init__(reason)


class Requests:
    """The requests of one client over one transport.

    Args:
        transport: carries them.
        budget_s: how long all tries of a request may take together.
        query: what every path ends with.
        sleep: waits between tries.
    """

    def __init__(
        self, transport: Transport, budget_s: float, query: str, sleep: Callable[[float], Any]
    ) -> None:
        self._transport, self._budget_s, self._query = transport, budget_s, query
        self.address, self.sleep = transport.address, sleep
        self._made_in = os.getpid()
        self._told = False  # that nothing answers, since it did last

    def budget(self) -> Budget:
        """Return the time for all tries of a call that begins now."""
        return Budget(self._budget_s)

    async def call(
        self, name: str, body: dict[str, Any] | None = None, *, id: str = "", wait_s: float = 0.0
    ) -> dict[str, Any]:
        """Make a call of the protocol until it is answered, and return the document.

        Args:
            name: of the call, in the table of the protocol.
            body: its body, where it has one.
            id: the session, where the call names one in its path.
            wait_s: how long the server may let it wait.

        Raises:
            RequestRefused: if the server refuses it for good.
            ServerUnreachable: if no try was answered within the budget.
            ServerError: if what answers is not a turnwise server of this protocol.
        """
        row = CALLS[name]
        path = row.path.replace("{id}", quote(id, safe=""))
        budget = self.budget()
        content = None if body is None else encode_given(body, f"the arguments of {name}")
        while True:
            try:
                return await self.once(row.method, path, content, wait_s)
            except TransportFailed as error:
                reason, at_least_s = str(error), 0.0
                self.unanswered(reason, budget)
            except NotNow as refusal:
                reason, at_least_s = refusal.reason, refusal.at_least_s
            pause_s = budget.next_wait_s(at_least_s)
            if pause_s is None:
                raise ServerUnreachable(
                    f"{self.address}{path} gave no answer in {budget.num_tries} tries "
                    f"within {budget.seconds:g} s; the last: {reason}. "
                    "Is the server running there (`turnwise serve`)?"
                )
            log.debug("%s: %s; again in %.2f s", path, reason, pause_s)
            await self.sleep(pause_s)

    def unanswered(self, reason: str, budget: Budget) -> None:
        """Say that nothing answers and for how long it is tried, once until something does."""
        if not self._told and budget.left_s >= _WORTH_SAYING_S:
            log.warning("%s: %s; trying again for up to %.0f s", self.address, reason, budget.left_s)
            self._told = True

    async def once(
        self, method: str, path: str, content: bytes | None, wait_s: float = 0.0
    ) -> dict[str, Any]:
        """Send a request once, and return the document.

        Raises:
            RequestRefused: if the server refuses it for good.
            NotNow: if the server refuses it for now.
            ServerError: if what answers is not a turnwise server of this protocol.
            TransportFailed: if nothing answers.
        """
        check_process(self._made_in)
        headers = trace_headers() if content is None else {**trace_headers(), **_JSON}
        if wait_s:
            headers["prefer"] = f"wait={wait_s:g}"
        response = await self._transport.call(method, path + self._query, content, headers)
        self._told = False
        return self._accepted(response, path)

    async def lines(self, path: str, content: bytes) -> AsyncGenerator[list[dict[str, Any]], None]:
        """Send a request once, and give the lines of its response as they come.

        Yields:
            the documents that came together; none where the server says that it lives.

        Raises:
            RequestRefused: if the server refuses the request for good.
            NotNow: if the server refuses it for now.
            ServerError: if what answers is not a turnwise server of this protocol.
            TransportFailed: if the response breaks off.
        """
        check_process(self._made_in)
        rest, headers = b"", {**trace_headers(), **_JSON, "accept": NDJSON_TYPE}
        stream = self._transport.stream("POST", path + self._query, content, headers)
        async with aclosing(stream) as parts:
            async for part in parts:
                self._told = False
                if isinstance(part, bytes):
                    *lines, rest = (rest + part).split(b"\n")
                    if lines:
                        yield [self._decoded(line, path) for line in lines if line]
                elif part.status == 200:
                    self._check_protocol(part, path)
                else:
                    self._accepted(part, path)

    def rows(self, document: dict[str, Any], call: Call, num: int) -> list[Reply | Problem]:
        """Return the items of an answer to a call.

        Raises:
            ServerError: if there are not `num` of them.
        """
        rows = [self.row(row) for row in self.part(document, call.answer, list)]
        if len(rows) != num:
            raise ServerError(
                f"{self.address}{call.path} gave {len(rows)} {call.answer} where {num} were asked for"
            )
        return rows

    def row(self, document: Any) -> Reply | Problem:
        """Return one item of an answer.

        Raises:
            ServerError: if it is not one.
        """
        try:
            return decode_item(document)
        except (KeyError, TypeError, AttributeError) as error:
            what = f"lacks {error}" if isinstance(error, KeyError) else "is not one"
            raise self._strange(f"an item of its answer {what}") from error

    def part(self, document: dict[str, Any], name: str, *kinds: type[Any]) -> Any:
        """Return a member of an answer.

        Raises:
            ServerError: if it is missing, or of another kind.
        """
        found = document.get(name)
        if not isinstance(found, kinds):
            raise self._strange(f"its answer holds no {name}")
        return found

    def _strange(self, what: str) -> ServerError:
        return ServerError(
            f"{self.address} does not answer as turnwise does: {what}; check the address, "
            "and that no proxy on the way changes answers"
        )

    def _accepted(self, response: ClientResponse, path: str) -> dict[str, Any]:
        """Return the document of a response that is an answer."""
        if response.headers.get("turnwise-protocol") is None and response.status in _RETRIED:
            raise NotNow(f"{response.status} from a proxy on the way", _retry_after_s(response))
        self._check_protocol(response, path)
        document = self._decoded(response.body, path)
        if response.status in _RETRIED or document.get("code") in _RETRIED_CODES:
            reason = f"{response.status} {document.get('code')}: {document.get('detail')}"
            raise NotNow(reason, _retry_after_s(response))
        if response.status >= 400 and "items" not in document and "sessions" not in document:
            raise problem_from({**document, "status": response.status}).as_error()
        return document

    def _check_protocol(self, response: ClientResponse, path: str) -> None:
        protocol = response.headers.get("turnwise-protocol")
        if protocol is None:
            raise ServerError(
                f"{self.address}{path} answered {response.status}, "
                "but is no turnwise server: check the address"
            )
        if protocol != str(PROTOCOL):
            raise ServerError(
                f"{self.address} speaks protocol {protocol}, this client speaks {PROTOCOL}: "
                "install the same version of turnwise on both sides"
            )

    def _decoded(self, body: bytes, path: str) -> dict[str, Any]:
        where = f"{self.address}{path}"
        try:
            document = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise ServerError(f"{where} answered with what is no JSON: {error}") from error
        if not isinstance(document, dict):
            raise ServerError(f"{where} answered with {type(document).__name__}, expected an object")
        return document


def settled(row: object) -> bool:
    """Tell whether the answer to one item is its last: neither "still running" nor "not now"."""
    return not isinstance(row, Problem) or (row.code != "running" and row.code not in _RETRIED_CODES)


def members(item: Any) -> dict[str, Any]:
    """Return an item of a call as the protocol spells it."""
    return {name: getattr(item, name) for name in item.__slots__}


def _retry_after_s(response: ClientResponse) -> float:
    value = response.headers.get("retry-after", "")
    return float(value) if value.isdigit() else 0.0
