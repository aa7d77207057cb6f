"""Sessions on their way between servers: at every moment one of them answers for a session, or none.

A move has three steps, each durable before it is answered and each of which may be asked again. The
server that holds a session lets it go to another by name (`depart`): from then on it answers for it no
more, and keeps what it is rebuilt from. The other takes it in (`arrive`), or refuses for good. The first
is told which (`departed`), and forgets it or has it back. Whoever carries this between them may die at
any point, and another goes on where it stopped. Moves of a session are numbered: a server
that knows of a later one does nothing at an earlier one, however late it comes.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import orjson

from ...envs.core import ENV_ERRORS
from ..isolation.faults import reason_of
from ..protocol.problems import Refused, busy, says_repeat, unknown_session
from ..protocol.router_problems import moved, moving, not_movable
from ..protocol.types import Problem
from .home import Home
from .journal.records import Entry, SessionRecord
from .session import Session

log = logging.getLogger("turnwise.servers")

State = Literal["here", "leaving", "left", "refused"]
_MAX_KNOWN = 256  # environments whose fingerprint was looked at


@dataclass(frozen=True, slots=True)
class Place:
    """Where a session is that was moved at least once, as this server knows.

    Args:
        hop: the number of its last move that this server has a part in.
        state: "here" since it arrived, "leaving" for `server`, "left" for it, or "refused" to come.
        server: the name of the other server.
        owner: the name of the key that it belongs to.
    """

    hop: int
    state: State
    server: str
    owner: str


class Moves:
    """What a service knows of moves.

    Args:
        service: its sessions, taken over from its journal.

    Attributes:
        emptying: the operator wants no new sessions here.
    """

    def __init__(self, service: Home) -> None:
        self._service = service
        self.emptying = False
        self._places: dict[str, Place] = {}
        self._parked: dict[str, Session] = {}
        self._arriving: dict[str, asyncio.Task[dict[str, Any]]] = {}
        self._fingerprints: dict[bytes, str] = {}
        self._load()

    def _load(self) -> None:
        """Take over what a journal knows; sessions that were leaving are not answered for."""
        for id, hop, state, server, owner in self._service.journal.moves():
            self._places[id] = place = Place(hop, state, server, owner)
            session = self._service.sessions.get(id)
            if place.state == "leaving" and session is not None:
                self._park(session)

    def missing(self, owner: str, id: str) -> Problem:
        """Say where a session is that is not here, to whom it belongs."""
        place = self._places.get(id)
        if place is None or place.owner != owner or place.state in ("here", "refused"):
            return unknown_session(id)
        return (moved if place.state == "left" else moving)(id, place.server)

    def gone(self, owner: str, id: str) -> Problem:
        """Do as `missing`, for an answer that is kept.

        Raises:
            Refused: if it is on its way, and the request is to be repeated.
        """
        problem = self.missing(owner, id)
        if says_repeat(problem):
            raise Refused(problem, retry_after_s=1.0)
        return problem

    def elsewhere(self, owner: str, ids: Iterable[str]) -> dict[str, Any]:
        """Say of some ids which server holds them now; nothing where there are none such."""
        if not self._places:
            return {}
        problems = {id: self.missing(owner, id) for id in ids if id not in self._service.sessions}
        found = {id: problem.expected["server"] for id, problem in problems.items() if problem.expected}
        return {"elsewhere": found} if found else {}

    def held(self) -> dict[str, Any]:
        """Tell which sessions may leave, and which stay: those of hosted runs, or in an operator's hand."""
        may: list[str] = list(self._parked)
        stay: list[str] = []
        for id, session in self._service.sessions.items():
            (stay if _stays(session) else may).append(id)
        return {"sessions": may, "stay": stay}

    async def depart(self, id: str, server: str) -> dict[str, Any]:
        """Let an idle session go to another server; give what it is rebuilt from.

        Returns:
            also where it goes, which is another server if it was on its way already.

        Raises:
            Refused: if it is not here, busy, or stays.
        """
        place, session = self._places.get(id), self._parked.get(id)
        if place is None or session is None:
            session = self._service.sessions.get(id)
            if session is None:
                raise Refused(self.missing(place.owner if place is not None else "", id))
            self._check_idle(session)
            place = Place(place.hop + 1 if place is not None else 1, "leaving", server, session.record.owner)
            self._park(session)
            session.drop_host()
            self._note(id, place)
        await self._service.commit()
        idle_s = max(0.0, self._service.clock() - session.touched)
        return {
            "hop": place.hop,
            "server": place.server,
            "idle_s": idle_s,
            "record": document_of(session.record),
        }

    async def departed(self, id: str, hop: int, arrived: bool) -> None:
        """Forget a session that has arrived, or have it back; nothing, if this is not its present move."""
        place = self._places.get(id)
        if place is not None and place.state == "leaving" and place.hop == hop:
            session = self._parked.pop(id)
            if arrived:
                self._note(id, Place(hop, "left", place.server, place.owner))
                self._service.journal.closed([id])
                self._service.metrics.count("sessions_moved")
            else:
                self._note(id, Place(hop, "here", "", place.owner))
                self._admit(session)
        await self._service.commit()

    async def arrive(self, document: dict[str, Any], hop: int, idle_s: float) -> dict[str, Any]:
        """Take a session in, or refuse it for good; asked again, say which it was.

        Args:
            document: of its record.
            hop: the number of the move.
            idle_s: for how long nobody has called it.
        """
        id = str(document["id"])
        task = self._arriving.get(id)
        if task is None:
            task = self._arriving[id] = asyncio.ensure_future(self._arrive(document, hop, idle_s))
            task.add_done_callback(lambda _: self._arriving.pop(id, None))
            return await asyncio.shield(task)
        await asyncio.wait({task})
        return await self.arrive(document, hop, idle_s)

    async def _arrive(self, document: dict[str, Any], hop: int, idle_s: float) -> dict[str, Any]:
        record = record_of(document)
        place = self._places.get(record.id)
        if place is None or place.hop < hop:
            reason = await self._objection(record)
            if not reason:
                await self._service.journal.clear(record.id)
            place = Place(hop, "refused" if reason else "here", reason, record.owner)
            if not reason:
                self._parked.pop(record.id, None)  # it went around, and nobody has told of its first move
                session = Session(record, self._service.limits.max_turns)
                self._admit(session)
                session.touched -= idle_s
                self._service.journal.opened(record)
            self._note(record.id, place)
        await self._service.commit()
        refused = place.state == "refused" and place.hop == hop
        return {"arrived": not refused, "reason": place.server if refused else ""}

    async def _objection(self, record: SessionRecord) -> str:
        """Say why a session cannot come; "" if it can."""
        service = self._service
        if service.draining or self.emptying:
            return "the server takes no new sessions"
        if service.ledger.held_by_all() >= service.limits.max_sessions:
            return f"the server is full: {service.limits.max_sessions} sessions"
        if not service.journal.durable:
            return "the server keeps no journal"
        named = orjson.dumps([record.env_id, record.kwargs], option=orjson.OPT_SORT_KEYS)
        fingerprint = self._fingerprints.get(named)
        if fingerprint is None:
            try:
                host = await service.environments.build(record.env_id, record.kwargs)
            except Refused as refusal:
                return f"its environment cannot be built there: {refusal.problem.detail}"[:500]
            except ENV_ERRORS as error:
                return f"its environment cannot be built there: {reason_of(error)}"[:500]
            fingerprint = host.fingerprint
            host.close()
            if len(self._fingerprints) < _MAX_KNOWN:
                self._fingerprints[named] = fingerprint
        if fingerprint != record.fingerprint:
            return f"its environment is another one there: {fingerprint}, not {record.fingerprint}"
        return ""

    def _check_idle(self, session: Session) -> None:
        if not self._service.journal.durable:
            raise Refused(not_movable(session.record.id, "this server keeps no journal"))
        if _stays(session):
            raise Refused(not_movable(session.record.id, "it is of a hosted run, broken, or in a hand"))
        if session.running is not None or session.waking is not None:
            doing = str(session.running_call[0]) if session.running_call else "its rebuilding"
            raise Refused(busy(session.record.id, doing, session.expected), retry_after_s=1.0)

    def _park(self, session: Session) -> None:
        record = session.record
        self._parked[record.id] = self._service.sessions.pop(record.id)
        self._service.ledger.add(record.owner, -1)

    def _admit(self, session: Session) -> None:
        record = session.record
        session.touched = self._service.clock()
        session.last_reply = session.reset_reply = b""  # asleep until it is called
        self._service.sessions[record.id] = session
        self._service.ledger.add(record.owner, 1)

    def _note(self, id: str, place: Place) -> None:
        self._places[id] = place
        self._service.journal.moved(id, place.hop, place.state, place.server, place.owner)


def _stays(session: Session) -> bool:
    record, operated = session.record, session.operated
    in_a_hand = operated is not None and operated.concerns(record.episode)
    return record.hosted is not None or session.broken is not None or in_a_hand


def document_of(record: SessionRecord) -> dict[str, Any]:
    """Give a record as JSON has it."""
    document = {name: getattr(record, name) for name in record.__slots__ if name != "hosted"}
    document["reset_digest"] = record.reset_digest.hex()
    document["final"] = record.final.decode()
    document["log"] = [[entry.action, entry.digest.hex(), entry.reseed] for entry in record.log]
    return document


def record_of(document: dict[str, Any]) -> SessionRecord:
    """Undo `document_of`."""
    made = SessionRecord(**document)
    made.reset_digest = bytes.fromhex(document["reset_digest"])
    made.final = document["final"].encode()
    made.log = [Entry(action, bytes.fromhex(digest), reseed) for action, digest, reseed in document["log"]]
    return made
