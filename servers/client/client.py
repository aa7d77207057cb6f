"""The calls of the protocol, as a client makes them: each until it is answered or its time is up."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

from ...envs.registry import class_of
from ...errors import RequestRefused, UnknownName
from ..protocol.calls import CALLS
from ..protocol.problems import unknown_session
from ..protocol.types import CreateItem, ForkItem, Problem, Reply, ResetItem, StepItem
from .address import checked_address, checked_key, proxy_of
from .bound import Bound
from .open_sessions import Leases, OpenSessions
from .requests import Requests, members
from .steps import MAX_ITEMS, Row, Steps
from .transports.base import Transport

if TYPE_CHECKING:
    import httpx

log = logging.getLogger("turnwise.client")

T = TypeVar("T")


class SessionClient(Bound):
    """A client of a session service; each item of a call succeeds or fails on its own, in order.

    Whoever plays sessions (rollout, vector environment, evaluation) cannot tell a service
    in its own process from one behind HTTP. `connect` makes a client for an address.

    Args:
        transport: the way to the service, closed with the client.
        steps: the way of the steps, where it is another one.
        wait_s: how long the server may hold a request for steps before it answers that
            they still run; the next try joins them, so that none is taken twice.
        budget_s: how long all tries of a call may take while the server gives no answer.
        step_timeout_s: how long steps may take in all while the server says that they run.
        fields: keys of info to keep, or with a minus in front to leave out.
        note: a file that names the sessions that are open, for `close_left`.
        renew: renew the leases of open sessions for as long as the client lives.
        sleep: waits between tries.
    """

    def __init__(
        self,
        transport: Transport,
        *,
        steps: Transport | None = None,
        wait_s: float = 30.0,
        budget_s: float = 120.0,
        step_timeout_s: float = 3600.0,
        fields: Sequence[str] = (),
        note: Path | None = None,
        renew: bool = False,
        sleep: Callable[[float], Any] = asyncio.sleep,
    ) -> None:
        self.transport, self._step_transport = transport, steps or transport
        query = f"?fields={quote(','.join(fields))}" if fields else ""
        self._requests = Requests(transport, budget_s, query, sleep)
        stepping = Requests(self._step_transport, budget_s, query, sleep)
        self._steps = Steps(stepping, wait_s, step_timeout_s)
        self._open = OpenSessions(note, self.heartbeat if renew else None)

    @property
    def is_local(self) -> bool:
        """Tell whether the service is in this process, and ends with it."""
        return self.transport.address == "local:"

    async def create(self, items: Sequence[CreateItem], *, request_id: str, wait_s: float = 0.0) -> list[Row]:
        """Create and reset sessions; flattened in the order of items and their counts.

        Args:
            items: what to make.
            request_id: names the request; repeated, it is answered once.
            wait_s: how long to stand in the server's queue when it is full.
        """
        rows: list[Row] = []
        for number, part in enumerate(_parts(items)):
            name = request_id if len(items) <= MAX_ITEMS else f"{request_id}:{number}"
            body = {"items": [members(item) for item in part], "request_id": name}
            rows += await self._list("create", body, sum(item.count for item in part), wait_s)
        return self._opened(rows)

    async def fork(self, items: Sequence[ForkItem], *, request_id: str) -> list[Row]:
        """Copy sessions in the state they are in; flattened in the order of items and their counts."""
        body = {"items": [members(item) for item in items], "request_id": request_id}
        num = sum(item.count for item in items)
        return self._opened(await self._list("fork", body, num))

    async def step(self, items: Sequence[StepItem]) -> list[Row]:
        """Step sessions, and return the answers when all are done."""
        return await self._steps.together(items)

    def step_each(self, items: Sequence[StepItem]) -> AsyncGenerator[tuple[int, Row], None]:
        """Step sessions, each named once, and give (place in `items`, answer) as each is done.

        A slow environment holds up none of the others. Whoever stops listening leaves
        the steps that still run to themselves.

        Raises:
            UsageError: if a session is named twice.
        """
        return self._steps.as_done(items)

    async def reset(self, items: Sequence[ResetItem]) -> list[Row]:
        """Start the next episode of sessions."""
        rows: list[Row] = []
        for part in _parts(items):
            body = {"items": [members(item) for item in part]}
            rows += await self._list("reset", body, len(part))
        return rows

    async def close(self, ids: Sequence[str]) -> None:
        """Close sessions; closing one that is gone is no error."""
        for part in _parts(ids):
            await self._requests.call("close", {"ids": list(part)})
        self._open.remove(ids)

    async def close_left(self, keep: Collection[str] = ()) -> list[str]:
        """Close what `note` says was left open, by a client that died; return their ids.

        Args:
            keep: ids that stay open and noted, to be attached to.

        Raises:
            ServerError: if the server gives no answer; nothing is forgotten then.
        """
        kept = set(keep)
        left = [id for id in self._open.left() if id not in kept]
        if left:
            await self.close(left)
            log.info("closed %d sessions that an earlier run has left open", len(left))
        if not self._open.left():
            self._open.forget()
        return left

    async def attach(self, ids: Sequence[str]) -> list[str]:
        """Take over sessions that an earlier client of this key has left; return those that are there.

        Raises:
            ServerError: if the server gives no answer.
        """
        alive = (await self.heartbeat(ids)).alive
        self._open.add(alive)
        return alive

    async def heartbeat(self, ids: Sequence[str]) -> Leases:
        """Renew the leases of sessions, and tell which are there."""
        alive: list[str] = []
        ttl_s = 0.0
        for part in _parts(ids) if ids else [ids]:
            document = await self._requests.call("heartbeat", {"ids": list(part)})
            alive += self._requests.part(document, "alive", list)
            ttl_s = float(self._requests.part(document, "ttl_s", int, float))
        return Leases(alive, ttl_s)

    async def sessions(self) -> list[dict[str, Any]]:
        """List the sessions of this key: id, env_id, episode, turn, end and idle_s.

        A client that comes back after a crash finds here what to go on with, or to close.
        """
        rows: list[dict[str, Any]] = self._requests.part(
            await self._requests.call("sessions"), "sessions", list
        )
        return rows

    async def describe(self, id: str) -> dict[str, Any]:
        """Return where a session stands, its last reply under `last`.

        Raises:
            RequestRefused: if there is no such session.
        """
        if "/" in id:  # no session has one, and it would name another page of the server
            raise unknown_session(id).as_error()
        return await self._requests.call("describe", id=id)

    async def take(self, id: str, reason: str = "") -> str:
        """Take a session over from whoever plays it, and return the word for `play` and `give`.

        Raises:
            RequestRefused: if there is no such session of this key, or it is of a hosted run.
        """
        document = await self._requests.call("take", {"reason": reason}, id=id)
        self._open.add([id])
        return str(self._requests.part(document, "hand", str))

    async def play(self, item: StepItem, hand: str) -> Reply:
        """Take a step of a session that was taken over.

        Raises:
            RequestRefused: if it does not follow, or the session is not in this hand any more.
        """
        body = {"episode": item.episode, "turn": item.turn, "action": item.action, "hand": hand}
        row = self._requests.row(await self._requests.call("play", body, id=item.id))
        if isinstance(row, Problem):
            raise row.as_error()
        return row

    async def give(self, id: str, hand: str) -> None:
        """Give a session back.

        Raises:
            RequestRefused: if it is not in this hand any more.
        """
        await self._requests.call("give", {"hand": hand}, id=id)
        self.leave([id])

    def leave(self, ids: Sequence[str]) -> None:
        """Leave sessions to whoever plays them: they are neither renewed nor closed from here."""
        self._open.remove(ids)

    async def envs(self) -> list[dict[str, Any]]:
        """List the environments on offer: id, version, fingerprint, description."""
        rows: list[dict[str, Any]] = self._requests.part(await self._requests.call("envs"), "envs", list)
        return rows

    async def check_env(self, env_id: str) -> None:
        """Check that an environment is on offer, as far as the server tells this key what is.

        Raises:
            UnknownName: if it is not, with the closest names.
            UsageError: in this process, if its class cannot be imported.
            ServerUnreachable: if the server gives no answer within the retries.
        """
        if self.is_local:
            class_of(env_id)
            return
        try:
            known = [str(row.get("id")) for row in await self.envs() if isinstance(row, dict)]
        except RequestRefused:
            return
        if env_id not in known:
            more = f"; {self.transport.address} offers no other, its operator adds one with --env"
            raise UnknownName("environment", env_id, known, more)

    async def renew(self) -> float:
        """Renew the leases of all sessions that this client has open, once; return the seconds of one.

        Raises:
            ServerError: if the server gives no answer.
        """
        return (await self.heartbeat(self._open.ids)).ttl_s

    async def aclose(self) -> None:
        """Release connections; sessions that are open stay noted."""
        await self._open.aclose()
        await self.transport.aclose()
        if self._step_transport is not self.transport:
            await self._step_transport.aclose()

    async def _list(self, name: str, body: dict[str, Any], num: int, wait_s: float = 0.0) -> list[Row]:
        """Make a call that answers with a list; a refusal of the whole becomes one of each item."""
        try:
            document = await self._requests.call(name, body, wait_s=wait_s)
        except RequestRefused as error:
            problem = Problem(error.status, error.code, error.detail, expected=error.expected)
            return [problem] * num
        return self._requests.rows(document, CALLS[name], num)

    def _opened(self, rows: list[Row]) -> list[Row]:
        self._open.add([row.id for row in rows if isinstance(row, Reply)])
        return rows


def connect(
    url: str | None,
    key: str | None = None,
    *,
    timeout_s: float = 60.0,
    keep_alive: bool = True,
    network: httpx.AsyncBaseTransport | None = None,
    kind: type[SessionClient] = SessionClient,
    **options: Any,
) -> SessionClient:
    """Return a client for a server's address; `local:` or None is a service in this process.

    Args:
        url: where the server is, e.g. http://127.0.0.1:8000, or `local:`.
        key: the bearer key, where the server asks for one; by default that of TURNWISE_KEY.
        timeout_s: how long one try may wait for its answer.
        keep_alive: send steps over connections of our own, many times faster than
            httpx, which takes the rest; without effect where the environment names a proxy.
        network: stands in for the network, e.g. httpx.ASGITransport(app=...).
        kind: the class of the client.
        options: of the SessionClient.

    Raises:
        UsageError: if the address is not one, or the key none that a header can carry.
    """
    if url in (None, "local:"):
        from .transports.local import LocalTransport

        return kind(LocalTransport(), **options)
    address, key = checked_address(url), checked_key(key)
    from .transports.http import HttpTransport
    from .transports.keep_alive import KeepAliveTransport

    headers = {"authorization": f"Bearer {key}"} if key else {}
    direct = keep_alive and network is None and proxy_of(address) is None
    steps = KeepAliveTransport(address, headers, timeout_s) if direct else None
    transport = HttpTransport(address, headers, timeout_s, network)
    # the server answers that steps still run before a try times out
    return kind(transport, steps=steps, **{"wait_s": timeout_s / 2, **options})


def _parts(items: Sequence[T]) -> Iterator[Sequence[T]]:
    """Cut a long list into what one request may carry."""
    return (items[start : start + MAX_ITEMS] for start in range(0, len(items), MAX_ITEMS))
