"""Pages of a live server: the sessions that a key may see, and episodes played by hand.

The browser speaks with these pages alone; they speak with the server, and the key stays here. A page
needs no script to be played: its forms are answered by the next page.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from secrets import token_hex
from typing import Any

from fastapi import FastAPI, Request, Response
from starlette.responses import RedirectResponse

from ...errors import TurnwiseError, UsageError
from ..client import SessionClient
from ..protocol.types import CreateItem, ForkItem, Problem, Reply
from .forms import read_form
from .playing import Played
from .sending import answer
from .serving import pages
from .writing import Writer

_MOST_PLAYED, _MOST_ACTIONS = 100, 200


def live(connected: Callable[[], SessionClient], address: str) -> FastAPI:
    """Return the pages of a server.

    Args:
        connected: makes a client, with the key, on the loop of the pages.
        address: of the server, to be shown.
    """

    @asynccontextmanager
    async def playing(_: FastAPI) -> AsyncIterator[None]:
        site.client = connected()
        yield
        await site.leave()

    site = _Site(address)
    app = pages(site.writer, playing)
    app.add_api_route("/", site.first, methods=["GET"])
    app.add_api_route("/session", site.session, methods=["GET"])
    for act in (site.start, site.step, site.close, site.take, site.fork, site.watch):
        app.add_api_route(f"/{act.__name__}", act, methods=["POST"])
    return app


class _Site:
    """What the pages of one server have in common.

    Args:
        address: of the server.
    """

    client: SessionClient

    def __init__(self, address: str) -> None:
        self.writer, self._address = Writer(), address
        self._played: dict[str, Played] = {}

    async def leave(self) -> None:
        """Close what was played here, and give back what was taken."""
        for played in self._played.values():
            with suppress(TurnwiseError):  # the server ends them when their leases run out
                await played.leave(self.client)
        await self.client.aclose()

    async def first(self, request: Request) -> Response:
        """Show sessions and environments."""
        sessions, envs = await self.client.sessions(), await self.client.envs()
        values = {"address": self._address, "sessions": sessions, "envs": envs, "mine": set(self._played)}
        return answer(request, self.writer.page("live.html", values))

    async def session(self, request: Request, id: str, wrong: str = "") -> Response:
        """Show where a session stands; one that is played here can be played on."""
        played = self._played.get(id)
        told = {} if played else await self.client.describe(id)
        last = played.last if played else _reply(told)
        values = {
            "address": self._address,
            "id": id,
            "played": played,
            "told": told,
            "last": last,
            "wrong": wrong,
            "actions": _actions(last),
        }
        return answer(request, self.writer.page("session.html", values))

    async def start(self, request: Request) -> Response:
        """Begin an episode."""
        form = await read_form(request)
        seed = form.get("seed", "0")
        try:
            kwargs = json.loads(form.get("kwargs") or "{}")
        except ValueError as error:
            raise UsageError(f"arguments: {error}; expected a JSON object") from error
        if not isinstance(kwargs, dict) or not (seed.isascii() and seed.isdigit() and len(seed) < 16):
            raise UsageError(
                f"seed {seed[:40]!r}, arguments {kwargs!r}: expected a number, and a JSON object"
            )
        options = {"expert": True} if form.get("expert") else None
        item = CreateItem(form.get("env", ""), kwargs, int(seed), options)
        (row,) = await self.client.create([item], request_id=token_hex(8))
        return await self._begin(item.env_id, row)

    async def take(self, request: Request) -> Response:
        """Take a session over from the policy that plays it."""
        form = await read_form(request)
        id = form.get("id", "")
        hand = await self.client.take(id, form.get("reason", ""))
        told = await self.client.describe(id)
        last = _reply(told)
        if last is None:
            await self.client.give(id, hand)
            raise UsageError("nothing is known of the state of this session, so it cannot be played")
        return await self._begin(str(told.get("env_id", "")), last, hand)

    async def fork(self, request: Request) -> Response:
        """Begin an episode of one's own in the state that a session is in."""
        id = (await read_form(request)).get("id", "")
        env_id = str((await self.client.describe(id)).get("env_id", ""))
        (row,) = await self.client.fork([ForkItem(id)], request_id=token_hex(8))
        return await self._begin(env_id, row)

    async def watch(self, request: Request) -> Response:
        """Let the environment's expert play on, or no longer."""
        form = await read_form(request)
        played = self._mine(form)
        await played.rest()
        if form.get("on"):
            played.watch(self.client)
        return _go(played.last.id)

    async def _begin(self, env_id: str, row: Reply | Problem, hand: str = "") -> Response:
        if isinstance(row, Problem):
            raise row.as_error()
        self._played[row.id] = Played(env_id, [row], hand)
        while len(self._played) > _MOST_PLAYED:
            await self._played.pop(next(iter(self._played))).leave(self.client)
        return _go(row.id)

    async def step(self, request: Request) -> Response:
        """Do something in an episode that is played here."""
        form = await read_form(request)
        played = self._mine(form)
        action = form.get("pick") or form.get("action", "")
        last = played.last
        if last.done or form.get("turn") != str(last.turn):
            return _go(last.id)  # sent twice, or from a page that is old
        await played.rest()
        try:
            await played.step(self.client, action)
        except TurnwiseError as error:
            return await self.session(request, last.id, str(error))
        return _go(last.id)

    async def close(self, request: Request) -> Response:
        """Close a session that is played here, or give it back."""
        played = self._mine(await read_form(request))
        del self._played[played.last.id]
        await played.leave(self.client)
        return RedirectResponse("./", 303)

    def _mine(self, form: dict[str, str]) -> Played:
        played = self._played.get(form.get("id", ""))
        if played is None:
            raise UsageError("this session is not played here; begin one on the first page")
        return played


def _go(id: str) -> Response:
    return RedirectResponse(f"session?id={id}", 303)


def _reply(told: dict[str, Any]) -> Reply | None:
    """Return the last reply of a session that is described; None where there is none."""
    last = told.get("last")
    if not isinstance(last, dict) or not isinstance(last.get("info"), dict):
        return None
    values: dict[str, Any] = {"id": "", "incarnation": "", "episode": 0, "turn": 0, "observation": ""}
    values |= {name: last[name] for name in Reply.__dataclass_fields__ if name in last}
    return Reply(**values)


def _actions(last: Reply | None) -> list[str]:
    """Return what may be done, where the environment says it."""
    given = last.info.get("admissible") if last is not None and not last.done else None
    return [str(action) for action in given][:_MOST_ACTIONS] if isinstance(given, list | tuple) else []
