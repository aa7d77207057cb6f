"""What is said of a session: where it stands, a line of a list, and what it would be rebuilt from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .journal.records import Entry, SessionRecord
from .session import Session


def standing(session: Session) -> dict[str, Any]:
    """Say where a session stands, but for its last reply."""
    record = session.record
    return {
        "id": record.id,
        "incarnation": record.incarnation,
        "env_id": record.env_id,
        "fingerprint": record.fingerprint,
        "seed": record.seed,
        "parent": record.parent,
        "running": bool(session.running),
        "end": session.end,
        "expected": session.expected,
        "episode": record.episode,
        "turn": session.turn,
        **({"taken": session.operated.reason} if session.operated and session.operated.hand else {}),
    }


def line_of(session: Session, now: float) -> dict[str, Any]:
    """Describe a session in a list, also one that is asleep."""
    record = session.record
    return {
        "id": record.id,
        "incarnation": record.incarnation,
        "env_id": record.env_id,
        "episode": record.episode,
        "turn": sum(entry.action is not None for entry in record.log),
        "end": session.end,
        "idle_s": round(now - session.touched, 3),
        **({"taken": session.operated.reason} if session.operated and session.operated.hand else {}),
    }


def journal_document(record: SessionRecord) -> dict[str, Any]:
    """Give what a session would be rebuilt from."""
    return {
        "id": record.id,
        "incarnation": record.incarnation,
        "parent": record.parent,
        "env_id": record.env_id,
        "version": record.version,
        "fingerprint": record.fingerprint,
        "kwargs": record.kwargs,
        "episode": record.episode,
        "seed": record.seed,
        "options": record.options,
        "reset_digest": record.reset_digest.hex(),
        "entries": entry_documents(record.log),
    }


def entry_documents(log: Sequence[Entry]) -> list[dict[str, Any]]:
    """Give the log of an episode: actions with the digests of their replies, and reseedings."""
    return [
        {"reseed": entry.reseed}
        if entry.action is None
        else {"action": entry.action, "digest": entry.digest.hex()}
        for entry in log
    ]
