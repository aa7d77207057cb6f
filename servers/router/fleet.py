"""The servers of a router: who answers, how full they are, and which name is whose.

Each is asked every second how it is. One that is late is given no new sessions; one that says
nothing for `silent_s` loses its link, and what waited for it is told so. It comes back by itself.
Nothing of this is kept: a router that starts anew, or a second one, finds the same.
"""

from __future__ import annotations

import asyncio
import logging
import math
from contextlib import suppress

import orjson

from ...errors import UsageError
from ..http.keys import ANYONE
from ..protocol.encoding import PROTOCOL, problem_from
from ..protocol.problems import Refused
from ..run.config import SERVER_NAME
from .config import FleetConfig
from .link import Link, LinkRefused, opened
from .places import Place, Places

log = logging.getLogger("turnwise.servers")

LOOK_S = 1.0
_LATE_S = 2.0
_PLACES_S = 5.0
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.1, 2.0


class Server:
    """One server, as a router sees it.

    Args:
        place: where it is.

    Attributes:
        name: as it calls itself; "" before it was asked.
        status: its own word, or what keeps it from being asked.
        emptying: it takes no new sessions.
        hosts: benchmarks are played there.
    """

    def __init__(self, place: Place) -> None:
        self.place = place
        self.link: Link | None = None
        self.name = ""
        self.status = "unknown"
        self.emptying = self.hosts = False
        self.num_sessions = self.max_sessions = 0
        self.promised = 0  # sessions asked for since it was last asked how it is

    @property
    def answers(self) -> bool:
        """Tell whether it can be called."""
        return self.link is not None and not self.link.closed and bool(self.name)

    @property
    def takes_more(self) -> bool:
        """Tell whether new sessions may go there."""
        return self.answers and self.status == "ok" and not self.emptying and self.room > 0

    @property
    def room(self) -> int:
        """Return how many sessions it would still take."""
        return max(0, self.max_sessions - self.num_sessions - self.promised)

    @property
    def size(self) -> int:
        """Return its room to a factor of two, so that it changes seldom: the exponent."""
        return round(math.log2(self.room)) if self.room else -1


class Fleet:
    """All servers.

    Args:
        config: where they are.

    Raises:
        UsageError: if that cannot be read.
    """

    def __init__(self, config: FleetConfig) -> None:
        self._config, self._secret = config, config.secret
        self._places = Places(config)
        self.servers: dict[Place, Server] = {}
        self.by_name: dict[str, Server] = {}
        self._tasks: dict[Place, asyncio.Task[None]] = {}
        self._again = asyncio.Event()

    def reread(self) -> None:
        """Look at once where servers are, whether the file has changed or not."""
        self._again.set()

    def named(self, name: str) -> Server | None:
        """Return the server of a name if it can be called."""
        server = self.by_name.get(name)
        return server if server is not None and server.answers else None

    @property
    def answering(self) -> list[Server]:
        """Return the servers that can be called, by name."""
        return [server for _, server in sorted(self.by_name.items()) if server.answers]

    async def look(self, again: bool = False) -> None:
        """See where servers are, and begin or end to keep a link to each."""
        try:
            places = await self._places.now(again)
        except UsageError as error:
            log.error("the servers stay as they were: %s", error)
            return
        for place in places:
            if place not in self.servers:
                log.info("a server at %s", place.shown)
                self.servers[place] = server = Server(place)
                self._tasks[place] = asyncio.create_task(self._keep(server))
        for place in [place for place in self.servers if place not in places]:
            log.info("no server at %s any more", place.shown)
            await self._let_go(place)

    async def keep_looking(self) -> None:
        """Look now and then, until cancelled."""
        while True:
            again = self._again.is_set()
            self._again.clear()
            await self.look(again)
            with suppress(TimeoutError):
                async with asyncio.timeout(_PLACES_S if not self._config.servers_file else LOOK_S):
                    await self._again.wait()

    async def settle(self, seconds: float) -> None:
        """Wait until every server has answered once, or the time is up."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not all(server.answers for server in self.servers.values()):
                    await asyncio.sleep(0.02)

    async def aclose(self) -> None:
        """Let go of all servers."""
        for place in list(self.servers):
            await self._let_go(place)

    async def _let_go(self, place: Place) -> None:
        server = self.servers.pop(place)
        task = self._tasks.pop(place)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        self._lost(server)

    async def _keep(self, server: Server) -> None:
        """Keep a link to a server, for as long as it is one."""
        pause_s = _FIRST_PAUSE_S
        while True:
            try:
                server.link = link = await opened(server.place, self._secret)
                await self._greet(server, link)
                pause_s = _FIRST_PAUSE_S
                await self._watch(server, link)
            except LinkRefused as error:
                self._say(server, "refused", str(error))
            except (OSError, TimeoutError):
                self._say(server, "silent", "it does not answer")
            except Refused as refusal:
                self._say(server, "gone", refusal.problem.detail)
            self._lost(server)
            await asyncio.sleep(pause_s)
            pause_s = min(_LONGEST_PAUSE_S, 2 * pause_s)

    async def _greet(self, server: Server, link: Link) -> None:
        """Ask a server who it is.

        Raises:
            LinkRefused: if it is none of ours, or another has its name.
        """
        async with asyncio.timeout(self._config.silent_s):
            hello = orjson.loads((await link.call("hello", ANYONE)).body)
        name = str(hello.get("name", ""))
        if hello.get("protocol") != PROTOCOL:
            raise LinkRefused(f"it speaks protocol {hello.get('protocol')}, expected {PROTOCOL}")
        if not SERVER_NAME.fullmatch(name):
            raise LinkRefused("it has no name: start it with --name NAME, each server another")
        other = self.by_name.get(name)
        if other is not None and other is not server and other.answers:
            raise LinkRefused(f"{other.place.shown} has its name {name!r} too: give each server another")
        if self.by_name.get(server.name) is server:
            del self.by_name[server.name]
        await self._ask(server, link)
        link.name = server.name = name
        server.max_sessions, server.hosts = int(hello["max_sessions"]), bool(hello["hosts"])
        self.by_name[name] = server
        log.info("server %s at %s: %d sessions", name, server.place.shown, server.num_sessions)

    async def _watch(self, server: Server, link: Link) -> None:
        """Ask a server how it is again and again, until its link is gone or it says nothing."""
        while not link.closed:
            await asyncio.sleep(LOOK_S)
            late = asyncio.get_running_loop().call_later(_LATE_S, self._say, server, "late", "it is late")
            try:
                async with asyncio.timeout(self._config.silent_s):
                    await self._ask(server, link)
            finally:
                late.cancel()

    async def _ask(self, server: Server, link: Link) -> None:
        response = await link.call("state", ANYONE)
        state = orjson.loads(response.body)
        if "sessions" not in state:
            raise Refused(problem_from(state))
        promised = server.promised
        server.num_sessions, server.emptying = int(state["sessions"]), bool(state["emptying"])
        server.status = str(state["status"])
        server.promised -= promised

    def _lost(self, server: Server) -> None:
        if server.link is not None:
            server.link.hang_up()
            server.link.closed = True
        server.link = None
        if self.by_name.get(server.name) is server and server.place not in self.servers:
            del self.by_name[server.name]

    def _say(self, server: Server, status: str, why: str) -> None:
        if server.status != status:
            log.warning("server %s at %s: %s", server.name or "?", server.place.shown, why)
        server.status = status
