"""The calls of the protocol where many servers hold the sessions.

As workers do among themselves, but a router holds nothing: it knows from an id whom to ask, and asks
again where the answer says so. Everything it repeats may be repeated: steps and resets name
episode and turn, create and fork their request.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Coroutine, Sequence
from functools import partial
from typing import Any

import orjson

from ..http.dispatch import Calls
from ..http.joining import document_of, documents_of, joined
from ..http.keys import Caller
from ..http.messages import Request, Response
from ..protocol.calls import CALLS, Call
from ..protocol.encoding import PROTOCOL
from ..protocol.problems import PROBLEM_TYPE, Refused, unknown_session
from ..protocol.router_problems import no_server, server_gone
from ..protocol.types import StepItem
from ..sessions.service import Service
from ..workers.routed_creation import members_of
from .asking import arguments_of, ask
from .batches import GiveRows, Rows, is_not_last, split
from .creating import RouterCreation
from .finding import Finder
from .fleet import Fleet, Server
from .link import Give
from .streaming import streamed

_MOST_HOPS = 6
_NOT_LAST = (404, 421, 503)
_STEP = CALLS["step"]


class RouterCalls(Calls):
    """The calls of the protocol, each answered by the servers that it concerns.

    Args:
        service: without sessions; its limits bound what clients send.
        fleet: the servers.
    """

    def __init__(self, service: Service, fleet: Fleet) -> None:
        super().__init__(service)
        self.fleet = fleet
        self.finder = Finder(fleet)
        self.makes = RouterCreation(fleet, self)

    async def respond(self, call: Call, request: Request, body: Any) -> Response:
        """Answer a call where it belongs."""
        if call.name == "create":
            return self._made(await self.makes.create(request, body))
        if call.name == "fork":
            return self._made(await self.makes.fork(request, body))
        if call.where == "sessions":
            return await self._at_holders(call, request, body)
        if call.where == "every":
            answers = [await self._asked(server, call, request) for server in self._all()]
            return Response(200, orjson.dumps(joined(documents_of(answers))))
        if call.where == "session":
            arguments = arguments_of(request)
            if call is _STEP:
                arguments = [members_of(body), request.wait_s, request.fields]
            return await self.at_session(request.caller, request.id, call.name, arguments)
        hosting = [server for server in self.fleet.answering if server.hosts]
        anywhere = hosting if hosting and call.name != "envs" else self.fleet.answering
        if not anywhere:
            raise Refused(no_server("no server answers"), retry_after_s=1.0)
        return await self._asked(anywhere[0], call, request)

    def begin_step(self, caller: Caller, item: StepItem, wait_s: float | None, give: Give) -> None:
        """Take a step where its session is; `give` is called with the answer."""
        server = self.finder.server_of(item.id)
        arguments = (members_of(item), wait_s, ())
        again = partial(self._step_again, caller, item, arguments, give)
        if server is None or server.link is None or server.link.closed:
            again(self.finder.name_of(item.id), None)
            return
        name = server.name

        def take(answer: Response) -> None:
            if answer.status in _NOT_LAST and self._is_not_last(item.id, answer):
                again(name, answer)
            else:
                give(answer)

        server.link.ask("step", caller, arguments, take)

    def begin_rows(self, call: Call, request: Request, items: Sequence[Any], give: GiveRows) -> None:
        """Do each item where its session is, all at the same time; `give` is called with the rows."""
        Rows(self, call, request, items, give)

    async def rows(self, call: Call, request: Request, items: Sequence[Any]) -> list[bytes]:
        """Do each item where its session is, all at the same time, and return the rows in order."""
        done: asyncio.Future[list[bytes]] = asyncio.get_running_loop().create_future()

        def take(rows: list[bytes]) -> None:
            if not done.done():
                done.set_result(rows)

        self.begin_rows(call, request, items, take)
        return await done

    def stream(
        self, caller: Caller, items: Sequence[StepItem], fields: Sequence[str]
    ) -> AsyncGenerator[bytes, None]:
        """Take many steps and give lines in order of completion."""
        return streamed(self, caller, items, fields)

    def runs_now(self, caller: Caller, items: Sequence[StepItem]) -> bool:
        """Tell whether steps run synchronously in this process: none does."""
        return False

    async def at_session(self, caller: Caller, id: str, name: str, arguments: Sequence[Any]) -> Response:
        """Make a call at the server that holds a session."""
        server, asked, answer = self.finder.server_of(id), self.finder.name_of(id), None
        if server is not None:
            answer = await ask(server, name, caller, arguments)
        return await self.followed(caller, id, name, arguments, asked, answer)

    async def followed(
        self,
        caller: Caller,
        id: str,
        name: str,
        arguments: Sequence[Any],
        asked: str,
        answer: Response | None,
    ) -> Response:
        """Ask on from one server to the next, until an answer is the last word.

        Args:
            caller: who asks.
            id: the session.
            name: of the call.
            arguments: of the call.
            asked: the name of the server that was asked.
            answer: its answer; None if it cannot be called.
        """
        for _ in range(_MOST_HOPS):
            if answer is not None and not self._is_not_last(id, answer):
                return answer
            server = await self.finder.next_of(caller, id, answer, asked)
            if server is None:
                break
            asked, answer = server.name, await ask(server, name, caller, arguments)
        return answer if answer is not None else self.not_there(asked, id)

    def not_there(self, asked: str, id: str) -> Response:
        """Say that a session cannot be reached: its server does not answer, or its id names none."""
        if not asked:
            return self.refused(unknown_session(id))
        return self.refused(server_gone(asked, id), 1.0)

    async def health(self) -> Response:
        """Say how the servers are; a router is well while one of them can be called."""
        from ... import __version__

        servers = [
            {"name": name, "status": status_of(server), "sessions": server.num_sessions, "room": server.room}
            for name, server in sorted(self.fleet.by_name.items())
        ]
        well = bool(self.fleet.answering) and not self.service.draining
        document = {
            "status": "ok" if well else "draining" if self.service.draining else "failing",
            "protocol": PROTOCOL,
            "version": __version__,
            "sessions": sum(server.num_sessions for server in self.fleet.by_name.values()),
            "servers": servers,
        }
        return Response(200 if well else 503, orjson.dumps(document))

    async def metrics(self) -> str:
        """Give the router's counters, and of every server whether it answers and what it holds."""
        lines = [
            "# HELP turnwise_router_server_up Whether a server can be called.",
            "# TYPE turnwise_router_server_up gauge",
            "# HELP turnwise_router_server_sessions Sessions of a server.",
            "# TYPE turnwise_router_server_sessions gauge",
        ]
        for name, server in sorted(self.fleet.by_name.items()):
            lines.append(f'turnwise_router_server_up{{server="{name}"}} {int(server.answers)}')
            lines.append(f'turnwise_router_server_sessions{{server="{name}"}} {server.num_sessions}')
        return self.counted().render(self.open_by_env()) + "\n".join([*lines, ""])

    def _step_again(
        self,
        caller: Caller,
        item: StepItem,
        arguments: Sequence[Any],
        give: Give,
        asked: str,
        answer: Response | None,
    ) -> None:
        async def again() -> None:
            give(await self.followed(caller, item.id, "step", arguments, asked, answer))

        self.beside(again())

    def beside(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something beside, which is waited for when the router stops."""
        task = asyncio.create_task(work)
        self.under_way.add(task)
        task.add_done_callback(self.under_way.discard)

    def _is_not_last(self, id: str, answer: Response) -> bool:
        if answer.media_type != PROBLEM_TYPE or answer.status not in _NOT_LAST:
            return False
        return is_not_last(self.finder, id, answer.body)

    async def _asked(self, server: Server, call: Call, request: Request) -> Response:
        return await ask(server, call.name, request.caller, arguments_of(request))

    def _all(self) -> list[Server]:
        """Return all servers.

        Raises:
            Refused: if one of them cannot be called, so that the answer would lack its part.
        """
        for name, server in sorted(self.fleet.by_name.items()):
            if not server.answers:
                raise Refused(server_gone(name), retry_after_s=1.0)
        if not self.fleet.by_name:
            raise Refused(no_server("no server answers"), retry_after_s=1.0)
        return self.fleet.answering

    async def _at_holders(self, call: Call, request: Request, ids: Sequence[str]) -> Response:
        """Make a call that takes ids, at each server with its own, and join the answers.

        Raises:
            Refused: if one of them refuses or is gone; the others have done their part.
        """
        caller, left, answers = request.caller, list(dict.fromkeys(ids)), list[Response]()
        for _ in range(_MOST_HOPS):
            groups, gone = split(self.finder, left)
            if gone:
                await self.finder.located(
                    caller, [left[place] for places in gone.values() for place in places]
                )
                groups, gone = split(self.finder, left)
            parts = {name: [left[place] for place in places] for name, places in groups.items()}
            work = [
                ask(server, call.name, caller, arguments_of(request._replace(body={"ids": parts[name]})))
                for name in parts
                if (server := self.fleet.named(name)) is not None
            ]
            answers += await asyncio.gather(*work)
            named = sorted(name for name in gone if name)
            if named:
                raise Refused(server_gone(named[0]), retry_after_s=1.0)
            left = await self._elsewhere(parts, answers[-len(work) :] if work else [])
            if not left:
                break
        return self._ids_joined(call, request, ids, answers)

    async def _elsewhere(self, parts: dict[str, list[str]], answers: Sequence[Response]) -> list[str]:
        """Return which sessions are to be asked for elsewhere, and carry those that are on their way."""
        left: list[str] = []
        for name, answer in zip(parts, answers, strict=True):
            document = document_of(answer)
            for id, server in document.get("elsewhere", {}).items():
                await self.finder.follow(id, name, server)
                left.append(id)
        return left

    def _ids_joined(
        self, call: Call, request: Request, ids: Sequence[str], answers: Sequence[Response]
    ) -> Response:
        if not answers:
            lists = {"close": {"closed": []}, "heartbeat": {"alive": [], "ttl_s": self.service.limits.ttl_s}}
            return Response(200, orjson.dumps(lists[call.name]))
        documents = documents_of(answers)
        joint = joined(documents, ids)
        joint.pop("elsewhere", None)  # they were asked for there
        if "ttl_s" in joint:
            joint["ttl_s"] = min(document["ttl_s"] for document in documents)
        return Response(200, orjson.dumps(joint))


def status_of(server: Server) -> str:
    """Say how a server is, in a word."""
    if not server.answers:
        return "silent" if server.status in ("ok", "unknown") else server.status
    return "emptying" if server.emptying else server.status
