"""Replay recorded episodes and compare them with what was sent."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import orjson

from ....envs.core import ENV_ERRORS
from ....errors import TurnwiseError
from ...isolation.catalogue import Catalogue
from ...isolation.faults import reason_of
from ...isolation.hosts import Host
from ...protocol.encoding import decode_item
from ...protocol.types import Reply
from ..session import Diverged, Session
from .records import Entry, SessionRecord

_MANY_TURNS = 1 << 31


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether one recorded episode replays.

    Args:
        session: the id of the session.
        episode: which of its episodes.
        num_turns: how many turns the record holds.
        differs_at: the first turn whose reply differs; None if all are equal.
        reason: what differs.
    """

    session: str
    episode: int
    num_turns: int
    differs_at: int | None = None
    reason: str = ""


def verify(record: SessionRecord, catalogue: Catalogue) -> Verdict:
    """Replay one recorded episode on a fresh environment."""
    num_turns = sum(entry.action is not None for entry in record.log)
    session = Session(record, _MANY_TURNS)
    try:
        with _built(record, catalogue) as host:
            if host.fingerprint != record.fingerprint:
                reason = (
                    f"the environment's fingerprint was {record.fingerprint}, now it is {host.fingerprint}"
                )
                return Verdict(record.id, record.episode, num_turns, 0, reason)
            _replayed_whole(record, catalogue, host)
    except Diverged as error:
        return Verdict(record.id, record.episode, num_turns, error.turn, error.reason)
    except TurnwiseError as error:
        return Verdict(record.id, record.episode, num_turns, session.turn, str(error))
    except ENV_ERRORS as error:
        reason = f"the environment raised {reason_of(error)}"
        return Verdict(record.id, record.episode, num_turns, session.turn, reason)
    return Verdict(record.id, record.episode, num_turns)


def replayed(record: SessionRecord, catalogue: Catalogue) -> Iterator[tuple[Entry | None, Reply]]:
    """Give the replies of a recorded episode again, each with the entry that led to it.

    Raises:
        Diverged: at the first turn whose reply differs.
    """
    try:
        with _built(record, catalogue) as host:
            max_turns = _replayed_whole(record, catalogue, host).max_turns
    except Diverged:
        max_turns = _MANY_TURNS  # where it differs is said below, after what does not
    part = SessionRecord(
        **{name: getattr(record, name) for name in record.__slots__ if name not in ("log", "final")}
    )
    session = Session(part, max_turns)
    with _built(record, catalogue) as host:
        session.adopt(Session.replayed(part, max_turns, host), inline=True)
        yield None, _decoded(session.reset_reply)
        for position, entry in enumerate(record.log):
            if entry.action is None:
                host.reseed(entry.reseed or 0)
            elif record.final and position == len(record.log) - 1:
                yield entry, _decoded(session.prefix + b"," + record.final[1:])
            else:
                reply = session.played(entry.action, host.step(entry.action))
                if part.log[-1].digest != entry.digest:
                    raise Diverged(
                        record.episode, session.turn, "the reply differs from the one that was sent"
                    )
                yield entry, _decoded(reply)


@contextmanager
def _built(record: SessionRecord, catalogue: Catalogue) -> Iterator[Host]:
    host = catalogue.build(record.env_id, catalogue.admit(record.env_id, record.kwargs))
    try:
        yield host
    finally:
        host.close()


def _replayed_whole(record: SessionRecord, catalogue: Catalogue, host: Host) -> Session:
    """Replay an episode on a fresh host, cut at its last turn where that is how its server has ended it.

    Raises:
        Diverged: at the first turn whose reply differs.
    """
    num_turns = sum(entry.action is not None for entry in record.log)
    try:
        return Session.replayed(record, _MANY_TURNS, host)
    except Diverged as error:
        if error.turn != num_turns or not num_turns:
            raise
    with _built(record, catalogue) as shorter:
        return Session.replayed(record, num_turns, shorter)


def _decoded(reply: bytes) -> Reply:
    row = decode_item(orjson.loads(reply))
    assert isinstance(row, Reply), "a session encodes replies"
    return row
