"""Items of many sessions, each done where its session is, and their rows in order."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import orjson

from ..http.frames import unpack_rows
from ..http.messages import Request, Response
from ..protocol.calls import Call
from ..protocol.encoding import problem_from
from ..protocol.problems import PROBLEM_TYPE, Refused, encode_problem, still_running
from ..protocol.router_problems import MOVED, MOVING, SERVER_GONE, server_gone
from ..workers.routed_creation import members_of
from .finding import Finder, named_by, words_of
from .routes import Routes

PROBLEM = b'{"type"'  # how a problem begins, and no reply
_AT_ONCE = 32

GiveRows = Callable[[list[bytes]], object]


def split(finder: Finder, ids: Sequence[str]) -> tuple[dict[str, list[int]], dict[str, list[int]]]:
    """Return the places of ids by the server that is asked first, those of servers that are gone apart."""
    groups: dict[str, list[int]] = {}
    for place, id in enumerate(ids):
        groups.setdefault(finder.name_of(id), []).append(place)
    gone = {name: groups[name] for name in groups if not finder.reaches(name)}
    return {name: places for name, places in groups.items() if name not in gone}, gone


class Rows:
    """One batch under way.

    Args:
        calls: of the router.
        call: whose items they are.
        request: what else was asked.
        items: each of one session.
        give: called once, with the rows.
    """

    def __init__(
        self, calls: Routes, call: Call, request: Request, items: Sequence[Any], give: GiveRows
    ) -> None:
        self._calls, self._call, self._request, self._items, self._give = calls, call, request, items, give
        self._rows = [b""] * len(items)
        self._again: list[tuple[int, str]] = []  # places whose row is not the last word, and who gave it
        groups, gone = split(calls.finder, [item.id for item in items])
        self._num_left = len(groups) + 1
        for name, places in groups.items():
            self._ask(name, places)
        for name, places in gone.items():
            self._refused(name, places, server_gone(name))
        self._one_less()

    def _ask(self, name: str, places: Sequence[int]) -> None:
        rows = [members_of(self._items[place]) for place in places]
        arguments = (rows, self._request.wait_s, self._request.fields)
        server = self._calls.fleet.named(name)
        assert server is not None and server.link is not None, "just looked for"
        try:
            take = partial(self._take, name, places)
            server.link.ask(self._call.name, self._request.caller, arguments, take)
        except Refused as refusal:
            self._refused(name, places, refusal.problem)
            self._one_less()

    def _take(self, name: str, places: Sequence[int], answer: Response) -> None:
        if answer.media_type == PROBLEM_TYPE:
            self._refused(name, places, problem_from(orjson.loads(answer.body)))
        else:
            for place, row in zip(places, unpack_rows(answer.body), strict=True):
                self._rows[place] = row
                if row.startswith(PROBLEM) and is_not_last(self._calls.finder, self._items[place].id, row):
                    self._again.append((place, name))
        self._one_less()

    def _refused(self, name: str, places: Sequence[int], problem: Any) -> None:
        """Note a refusal of a whole part as one of each item."""
        for place in places:
            self._rows[place] = encode_problem(replace(problem, id=self._items[place].id))
            if problem.code == SERVER_GONE:
                self._again.append((place, name))

    def _one_less(self) -> None:
        self._num_left -= 1
        if self._num_left:
            return
        if self._again:
            self._calls.beside(self._finish())
        else:
            self._give(self._rows)

    async def _finish(self) -> None:
        """Ask on for what was not the last word."""
        gone = [place for place, name in self._again if not self._calls.finder.reaches(name)]
        await self._calls.finder.located(self._request.caller, [self._items[place].id for place in gone])
        room = asyncio.Semaphore(_AT_ONCE)

        async def once_more(place: int, name: str) -> None:
            async with room:
                self._rows[place] = await asked_on(
                    self._calls, self._call, self._request, self._items[place], name, self._rows[place]
                )

        await asyncio.gather(*[once_more(place, name) for place, name in self._again])
        self._give(self._rows)


async def asked_on(calls: Routes, call: Call, request: Request, item: Any, asked: str, row: bytes) -> bytes:
    """Ask on for one item whose row is not the last word; return the row that is."""
    if call.name == "reset":
        body = {"episode": item.episode, "seed": item.seed, "options": item.options}
        name, arguments = "reset_one", [body, item.id, None, request.wait_s, request.fields, {}]
    else:
        name, arguments = "step", [members_of(item), request.wait_s, request.fields]
    answer = Response(orjson.loads(row)["status"], row, PROBLEM_TYPE)
    last = await calls.followed(request.caller, item.id, name, arguments, asked, answer)
    if last.status == 202:  # as a row of a batch says it
        return encode_problem(still_running(item.id, item.episode, item.turn))
    if last.media_type != PROBLEM_TYPE:
        return last.body
    return encode_problem(replace(problem_from(orjson.loads(last.body)), id=item.id))


def is_not_last(finder: Finder, id: str, problem: bytes) -> bool:
    """Tell whether an encoded problem of a session says that another server is to be asked."""
    code, _ = words_of(problem)
    return code in (MOVED, MOVING, SERVER_GONE) or (
        code == "unknown_session" and finder.name_of(id) != named_by(id)
    )
