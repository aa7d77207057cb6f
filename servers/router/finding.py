"""Sessions that are not where their id says: moved, on their way, or of a server that does not answer.

The old server says where a session went for as long as it lives; when it is gone, all others are
asked. What was found is kept as a hint of whom to ask first, and no more: what a server
answers for a session is what counts, so that a hint that is lost or wrong costs a question.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Sequence

import orjson

from ..http.keys import Caller
from ..http.messages import Response
from ..protocol.problems import PROBLEM_TYPE, Refused
from ..protocol.router_problems import MOVED, MOVING, SERVER_GONE
from .fleet import Fleet, Server
from .moving import handed_over

_MAX_HINTS = 65_536
_ASK_AGAIN_S = 0.5


class Finder:
    """Who holds which session.

    Args:
        fleet: the servers.
    """

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._hints: OrderedDict[str, str] = OrderedDict()
        self._not_found: OrderedDict[str, float] = OrderedDict()

    def name_of(self, id: str) -> str:
        """Return the name of the server that is asked first."""
        return self._hints.get(id) or named_by(id)

    def server_of(self, id: str) -> Server | None:
        """Return the server that is asked first, if it can be called."""
        return self._fleet.named(self._hints.get(id) or named_by(id))

    def reaches(self, name: str) -> bool:
        """Tell whether the server of a name can be called."""
        return self._fleet.named(name) is not None

    async def next_of(self, caller: Caller, id: str, answer: Response | None, asked: str) -> Server | None:
        """Return who is to be asked after an answer that was not the last word; None if it was.

        Args:
            caller: who asks.
            id: the session.
            answer: of the one that was asked; None if it could not be called.
            asked: its name.
        """
        code, server = problem_of(answer)
        if code == MOVED:
            return self._hinted(id, server) or await self._located(caller, id)
        if code == MOVING:
            return await self.follow(id, asked, server)
        if answer is None or code == SERVER_GONE:
            hinted = self.server_of(id)
            if hinted is not None and hinted.name != asked:
                return hinted
            return await self._located(caller, id, asked)
        if code == "unknown_session" and self._hints.pop(id, None) is not None:
            return self.server_of(id)
        return None

    async def follow(self, id: str, source: str, target: str) -> Server | None:
        """Carry a session that leaves a server the rest of its way; return who holds it then, where known."""
        server = self._fleet.named(source)
        if server is None:
            return None
        try:
            arrived = await handed_over(self._fleet, server, id, target)
        except Refused as refusal:
            if refusal.problem.code != MOVED:
                return None
            arrived = str(refusal.problem.expected["server"])
        return self._hinted(id, arrived) if arrived else None

    async def located(self, caller: Caller, ids: Sequence[str]) -> dict[str, Server]:
        """Ask every server which of some sessions it holds; those asked for a moment ago are left out."""
        now = time.monotonic()
        ids = [id for id in ids if self._not_found.get(id, 0.0) < now - _ASK_AGAIN_S]
        if not ids:
            return {}
        servers = self._fleet.answering
        answers = await asyncio.gather(
            *[server.link.call("locate", caller, ids) for server in servers if server.link is not None],
            return_exceptions=True,
        )
        found: dict[str, Server] = {}
        for server, answer in zip(servers, answers, strict=True):
            if isinstance(answer, Response) and answer.status == 200:
                for id in orjson.loads(answer.body)["here"]:
                    self._hinted(id, server.name)
                    found[id] = server
            elif isinstance(answer, BaseException) and not isinstance(answer, Refused):
                raise answer
        for id in ids:
            if id not in found:
                self._not_found[id] = now
                while len(self._not_found) > _MAX_HINTS:
                    self._not_found.popitem(last=False)
        return found

    def _hinted(self, id: str, name: str) -> Server | None:
        self._hints[id] = name
        self._hints.move_to_end(id)
        while len(self._hints) > _MAX_HINTS:
            self._hints.popitem(last=False)
        return self._fleet.named(name)

    async def _located(self, caller: Caller, id: str, asked: str = "") -> Server | None:
        server = (await self.located(caller, [id])).get(id)
        return None if server is None or server.name == asked else server


def named_by(id: str) -> str:
    """Return the name of the server that made a session; "" where its id holds none."""
    return id.rpartition(".")[0]


def problem_of(answer: Response | None) -> tuple[str, str]:
    """Return the code of a problem, and the server that it names; "" where there is none."""
    if answer is None or answer.media_type != PROBLEM_TYPE:
        return "", ""
    return words_of(answer.body)


def words_of(problem: bytes) -> tuple[str, str]:
    """Return the code of an encoded problem, and the server that it names; "" where there is none."""
    document = orjson.loads(problem)
    expected = document.get("expected")
    server = expected.get("server", "") if isinstance(expected, dict) else ""
    return str(document.get("code", "")), str(server)
