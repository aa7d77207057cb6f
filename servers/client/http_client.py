"""The client over HTTP: every call is retried until it is answered or its time is up.

Retries are always safe: steps and resets name their episode and turn, create
and fork their request_id, and whatever was done already is answered from store.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Any, TypeVar
from urllib.parse import quote

import httpx
import orjson

from ...errors import RequestRefused, ServerError, ServerUnreachable, UsageError
from ..protocol.encoding import NDJSON_TYPE, PROTOCOL, decode_item, problem_from
from ..protocol.problems import unknown_session
from ..protocol.types import CreateItem, ForkItem, Problem, Reply, ResetItem, StepItem, places_of
from .retry import Budget
from .trace_header import trace_headers
from .transport import Answered, HttpxTransport, KeepAliveTransport, Transport, TransportFailed

__all__ = ["HttpClient"]

log = logging.getLogger("turnwise.client")

_RETRIED = {408, 425, 429, 500, 502, 503, 504}
_RETRIED_CODES = {"busy", "journal_unavailable", "draining", "rebuild_failed", "worker_gone"}
_MAX_ITEMS = 1024
_PAUSE_S = 0.05

T = TypeVar("T")


class HttpClient:
    """Speak SessionClient to a server.

    Args:
        url: where the server is, e.g. http://127.0.0.1:8000.
        key: the bearer key, where the server asks for one.
        transport: stands in for the network, e.g. httpx.ASGITransport(app=...).
        timeout_s: how long one try may wait for its answer; a step that takes
            longer is joined by the next try, not done again.
        budget_s: how long all tries of a call may take while the server gives
            no answer.
        step_timeout_s: how long a call may take in all while the server says that
            the steps are running.
        fields: keys of info to keep, or with a minus in front to leave out.
        keep_alive: send steps over connections of our own, many times faster than
            httpx, which takes the rest; False where a proxy is on the way.

    Raises:
        UsageError: if the address is none.
    """

    def __init__(
        self,
        url: str,
        key: str | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        *,
        timeout_s: float = 60.0,
        budget_s: float = 120.0,
        step_timeout_s: float = 3600.0,
        fields: Sequence[str] = (),
        keep_alive: bool = True,
        sleep: Callable[[float], Any] = asyncio.sleep,
    ) -> None:
        if not url.startswith(("http://", "https://")):
            raise UsageError(f"server address {url!r}: expected http://HOST:PORT or https://HOST[:PORT]")
        self.url = url.rstrip("/")
        self._budget_s, self._step_timeout_s = budget_s, step_timeout_s
        self._wait_s = timeout_s / 2  # the server answers "still running" before a try times out
        self._query = f"?fields={quote(','.join(fields))}" if fields else ""
        self._sleep = sleep
        headers = {"authorization": f"Bearer {key}"} if key else {}
        self._calls: Transport = HttpxTransport(self.url, headers, timeout_s, transport)
        self._steps: Transport = self._calls
        if transport is None and keep_alive:
            self._steps = KeepAliveTransport(self.url, headers, timeout_s)

    async def create(
        self, items: Sequence[CreateItem], *, request_id: str, wait_s: float = 0.0
    ) -> list[Reply | Problem]:
        """Create and reset sessions; flattened in the order of items and their counts.

        Args:
            items: what to make.
            request_id: names the request; repeated, it is answered once.
            wait_s: how long to stand in the server's queue when it is full.
        """
        rows: list[Reply | Problem] = []
        for number, part in enumerate(_parts(items)):
            name = request_id if len(items) <= _MAX_ITEMS else f"{request_id}:{number}"
            body = {"items": [_members(item) for item in part], "request_id": name}
            rows += await self._list("/v1/sessions", body, "sessions", sum(i.count for i in part), wait_s)
        return rows

    async def fork(self, items: Sequence[ForkItem], *, request_id: str) -> list[Reply | Problem]:
        """Copy sessions; flattened in the order of items and their counts."""
        body = {"items": [_members(item) for item in items], "request_id": request_id}
        return await self._list("/v1/fork", body, "sessions", sum(item.count for item in items))

    async def step(self, items: Sequence[StepItem]) -> list[Reply | Problem]:
        """Step sessions; what the server says is still running is asked for again."""
        rows = await self._in_parts("/v1/step", items, self._wait_s)
        give_up = time.monotonic() + self._step_timeout_s
        while running := [place for place, row in enumerate(rows) if _to_ask_again(row)]:
            if not all(_is_running(rows[place]) for place in running):
                await self._sleep(_PAUSE_S)  # the server has not waited
            if time.monotonic() > give_up:
                raise ServerUnreachable(
                    f"{self.url}: {len(running)} steps still run after {self._step_timeout_s:g} s; "
                    "raise step_timeout_s, or serve the environment with a deadline"
                )
            again = await self._in_parts("/v1/step", [items[place] for place in running], self._wait_s)
            for place, row in zip(running, again, strict=True):
                rows[place] = row
        return rows

    async def step_each(self, items: Sequence[StepItem]) -> AsyncGenerator[tuple[int, Reply | Problem], None]:
        """Step sessions, each named once, and give (place, answer) as each is done."""
        places_of(items)
        found: asyncio.Queue[tuple[int, Reply | Problem] | BaseException] = asyncio.Queue()
        numbered = list(enumerate(items))
        tasks = [asyncio.create_task(self._feed(part, found)) for part in _parts(numbered)]
        try:
            for _ in items:
                row = await found.get()
                if isinstance(row, BaseException):
                    raise row
                yield row
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def reset(self, items: Sequence[ResetItem]) -> list[Reply | Problem]:
        """Start the next episode of sessions."""
        return await self._in_parts("/v1/reset", items, 0.0)

    async def close(self, ids: Sequence[str]) -> None:
        """Close sessions; closing one that is gone is no error."""
        for part in _parts(ids):
            await self._call("POST", "/v1/close", {"ids": list(part)})

    async def heartbeat(self, ids: Sequence[str]) -> list[str]:
        """Renew leases; return the sessions that are there."""
        alive: list[str] = []
        for part in _parts(ids):
            alive += (await self._call("POST", "/v1/heartbeat", {"ids": list(part)}))["alive"]
        return alive

    async def renew(self, ids: Sequence[str]) -> float:
        """Renew leases; return how many seconds one lasts on this server."""
        ttl_s = 0.0
        for part in _parts(ids) if ids else [ids]:
            ttl_s = float((await self._call("POST", "/v1/heartbeat", {"ids": list(part)}))["ttl_s"])
        return ttl_s

    async def sessions(self) -> list[dict[str, Any]]:
        """List the sessions of this key: id, env_id, episode, turn, end and idle_s.

        A client that comes back after a crash finds here what to go on with, or to close.
        """
        document = await self._call("GET", "/v1/sessions", None)
        rows: list[dict[str, Any]] = document["sessions"]
        return rows

    async def describe(self, id: str) -> dict[str, Any]:
        """Return where a session stands, its last reply under `last`.

        Raises:
            RequestRefused: if there is no such session.
        """
        if "/" in id:  # no session has one, and it would name another page of the server
            raise unknown_session(id).as_error()
        return await self._call("GET", f"/v1/sessions/{quote(id, safe='')}", None)

    async def envs(self) -> list[dict[str, Any]]:
        """List the environments on offer."""
        document = await self._call("GET", "/v1/envs", None)
        rows: list[dict[str, Any]] = document["envs"]
        return rows

    async def aclose(self) -> None:
        """Release connections."""
        await self._calls.aclose()
        await self._steps.aclose()

    async def _feed(
        self,
        items: Sequence[tuple[int, StepItem]],
        found: asyncio.Queue[tuple[int, Reply | Problem] | BaseException],
    ) -> None:
        """Ask for steps until each is answered, and pass on the answers, or what made an end of it."""
        left = {item.id: (place, item) for place, item in items}
        budget, give_up = Budget(self._budget_s), time.monotonic() + self._step_timeout_s
        try:
            while left:
                reason, at_least_s = "steps still run", _PAUSE_S
                try:
                    async for row in self._lines([item for _, item in left.values()]):
                        budget.renew()
                        if row is not None and row.id in left and not _to_ask_again(row):
                            found.put_nowait((left.pop(row.id)[0], row))
                except TransportFailed as error:
                    reason = str(error)
                except _Again as again:
                    reason, at_least_s = again.reason, again.at_least_s
                pause_s = budget.next_wait_s(at_least_s) if left else 0.0
                if pause_s is None or time.monotonic() > give_up:
                    raise ServerUnreachable(
                        f"{self.url}/v1/step has not answered {len(left)} of {len(items)} steps; "
                        f"the last: {reason}. Is the server running there? (turnwise serve)"
                    )
                if left:
                    await self._sleep(pause_s)
        except RequestRefused as error:
            problem = Problem(error.status, error.code, error.detail, expected=error.expected)
            for place, item in left.values():
                found.put_nowait((place, replace(problem, id=item.id)))
        except ServerError as error:
            found.put_nowait(error)

    async def _lines(self, items: Sequence[StepItem]) -> AsyncGenerator[Reply | Problem | None, None]:
        """Ask for steps once and give their answers as they come; None says that they still run.

        Raises:
            RequestRefused: if the server refuses the request for good.
            _Again: if it refuses it for now.
            ServerError: if what answers is no turnwise server of this protocol.
            TransportFailed: if the answer breaks off.
        """
        path, rest = "/v1/step", b""
        content = orjson.dumps({"items": [_members(item) for item in items]})
        headers = {"content-type": "application/json", "accept": NDJSON_TYPE, **trace_headers()}
        async with aclosing(self._steps.stream("POST", path + self._query, headers, content)) as parts:
            async for part in parts:
                if isinstance(part, Answered):
                    if part.status != 200:
                        document = self._read(part, path)
                        if _worth_repeating(part.status, document):
                            reason = f"{part.status} {document.get('code')}: {document.get('detail')}"
                            raise _Again(reason, _retry_after_s(part))
                        self._accepted(part.status, document)
                    self._check_protocol(part, path)
                    continue
                *lines, rest = (rest + part).split(b"\n")
                for line in lines:
                    yield decode_item(self._decoded(line, path)) if line else None

    async def _in_parts(self, path: str, items: Sequence[Any], wait_s: float) -> list[Reply | Problem]:
        rows: list[Reply | Problem] = []
        for part in _parts(items):
            body = {"items": [_members(item) for item in part]}
            rows += await self._list(path, body, "items", len(part), wait_s)
        return rows

    async def _list(
        self, path: str, body: dict[str, Any], name: str, num: int, wait_s: float = 0.0
    ) -> list[Reply | Problem]:
        """Make a call that answers with a list; a refusal of the whole becomes one of each item."""
        try:
            document = await self._call("POST", path, body, wait_s)
        except RequestRefused as error:
            problem = Problem(error.status, error.code, error.detail, expected=error.expected)
            return [problem] * num
        rows: list[Reply | Problem] = [decode_item(row) for row in document[name]]
        if len(rows) != num:
            raise ServerError(f"{self.url}{path} gave {len(rows)} {name} where {num} were asked for")
        return rows

    async def _call(
        self, method: str, path: str, body: dict[str, Any] | None, wait_s: float = 0.0
    ) -> dict[str, Any]:
        """Make one call with retries.

        Raises:
            RequestRefused: if the server refuses it for good.
            ServerUnreachable: if no try was answered within the budget.
            ServerError: if what answers is no turnwise server of this protocol.
        """
        transport = self._steps if path == "/v1/step" else self._calls
        budget = Budget(self._budget_s)
        content = None if body is None else orjson.dumps(body)
        headers = trace_headers()
        if body is not None:
            headers["content-type"] = "application/json"
        if wait_s:
            headers["prefer"] = f"wait={wait_s:g}"
        while True:
            reason, at_least_s = "", 0.0
            try:
                answered = await transport.send(method, path + self._query, headers, content)
            except TransportFailed as error:
                reason = str(error)
            else:
                document = self._read(answered, path)
                if not _worth_repeating(answered.status, document):
                    return self._accepted(answered.status, document)
                reason = f"{answered.status} {document.get('code')}: {document.get('detail')}"
                at_least_s = _retry_after_s(answered)
            pause_s = budget.next_wait_s(at_least_s)
            if pause_s is None:
                raise ServerUnreachable(
                    f"{self.url}{path} gave no answer in {budget.num_tries} tries "
                    f"within {budget.seconds:g} s; the last: {reason}. "
                    "Is the server running there? (turnwise serve)"
                )
            log.debug("%s %s: %s; again in %.2f s", method, path, reason, pause_s)
            await self._sleep(pause_s)

    def _read(self, answered: Answered, path: str) -> dict[str, Any]:
        if answered.headers.get("turnwise-protocol") is None and answered.status in _RETRIED:
            return {"code": "http_error", "detail": "not from the server itself"}  # a proxy on the way
        self._check_protocol(answered, path)
        return self._decoded(answered.body, path)

    def _check_protocol(self, answered: Answered, path: str) -> None:
        protocol = answered.headers.get("turnwise-protocol")
        if protocol is None:
            raise ServerError(
                f"{self.url}{path} answered {answered.status}, but is no turnwise server: check the address"
            )
        if protocol != str(PROTOCOL):
            raise ServerError(
                f"{self.url} speaks protocol {protocol}, this client speaks {PROTOCOL}: "
                "install the same version of turnwise on both sides"
            )

    def _decoded(self, body: bytes, path: str) -> dict[str, Any]:
        try:
            document = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise ServerError(f"{self.url}{path} answered with what is no JSON: {error}") from error
        if not isinstance(document, dict):
            raise ServerError(f"{self.url}{path} answered with {type(document).__name__}, expected an object")
        return document

    def _accepted(self, status: int, document: dict[str, Any]) -> dict[str, Any]:
        if status >= 400 and "items" not in document and "sessions" not in document:
            problem = problem_from(document)
            detail = f"{problem.detail}; {problem.todo}" if problem.todo else problem.detail
            raise RequestRefused(status, problem.code, detail, problem.expected)
        return document


class _Again(Exception):
    """Say that a request was refused for now, and how long at least to wait."""

    def __init__(self, reason: str, at_least_s: float) -> None:
        self.reason, self.at_least_s = reason, at_least_s
        super().__init__(reason)


def _worth_repeating(status: int, document: dict[str, Any]) -> bool:
    return status in _RETRIED or document.get("code") in _RETRIED_CODES


def _retry_after_s(answered: Answered) -> float:
    value = answered.headers.get("retry-after", "")
    return float(value) if value.isdigit() else 0.0


def _is_running(row: Reply | Problem) -> bool:
    return isinstance(row, Problem) and row.code == "running"


def _to_ask_again(row: Reply | Problem) -> bool:
    return isinstance(row, Problem) and (row.code == "running" or row.code in _RETRIED_CODES)


def _parts(items: Sequence[T]) -> Iterator[Sequence[T]]:
    """Cut a long list into what one request may carry."""
    return (items[start : start + _MAX_ITEMS] for start in range(0, len(items), _MAX_ITEMS))


def _members(item: Any) -> dict[str, Any]:
    return {name: getattr(item, name) for name in item.__slots__}
