"""Replay recorded episodes and compare them with what was sent."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import orjson

from ..errors import TurnwiseError
from .api import Reply
from .hosting import reason_of
from .hosts import ENV_ERRORS
from .journal import Entry, SessionRecord
from .offer import Offer
from .session import Diverged, Session
from .wire import decode_item

__all__ = ["Verdict", "replayed", "verify"]

_MANY_TURNS = 1 << 31


@dataclass(frozen=True, slots=True)
class Verdict:
    """Say whether one recorded episode replays.

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


def verify(record: SessionRecord, offer: Offer) -> Verdict:
    """Replay one recorded episode on a fresh environment."""
    num_turns = sum(entry.action is not None for entry in record.log)
    session = Session(record, _MANY_TURNS)
    try:
        host = offer.build(record.env_id, offer.admit(record.env_id, record.kwargs))
        if host.fingerprint != record.fingerprint:
            reason = f"the environment's fingerprint was {record.fingerprint}, now it is {host.fingerprint}"
            return Verdict(record.id, record.episode, num_turns, 0, reason)
        Session.replayed(record, _MANY_TURNS, host).drop_host()
    except Diverged as error:
        return Verdict(record.id, record.episode, num_turns, error.turn, error.reason)
    except TurnwiseError as error:
        return Verdict(record.id, record.episode, num_turns, session.turn, str(error))
    except ENV_ERRORS as error:
        reason = f"the environment raised {reason_of(error)}"
        return Verdict(record.id, record.episode, num_turns, session.turn, reason)
    return Verdict(record.id, record.episode, num_turns)


def replayed(record: SessionRecord, offer: Offer) -> Iterator[tuple[Entry | None, Reply]]:
    """Give the replies of a recorded episode again, each with the entry that led to it.

    Raises:
        Diverged: at the first turn whose reply differs.
    """
    part = SessionRecord(
        **{name: getattr(record, name) for name in record.__slots__ if name not in ("log", "final")}
    )
    session = Session(part, _MANY_TURNS)
    host = offer.build(record.env_id, offer.admit(record.env_id, record.kwargs))
    session.adopt(Session.replayed(part, _MANY_TURNS, host), immediate=False)
    yield None, _decoded(session.reset_reply)
    for position, entry in enumerate(record.log):
        if entry.action is None:
            host.reseed(entry.reseed or 0)
        elif record.final and position == len(record.log) - 1:
            yield entry, _decoded(session.prefix + b"," + record.final[1:])
        else:
            reply = session.played(entry.action, host.step(entry.action))
            if part.log[-1].digest != entry.digest:
                raise Diverged(record.episode, session.turn, "the reply differs from the one that was sent")
            yield entry, _decoded(reply)


def _decoded(reply: bytes) -> Reply:
    row = decode_item(orjson.loads(reply))
    assert isinstance(row, Reply), "a session encodes replies"
    return row
