"""What a session has done, so that it can be rebuilt: the records and their store.

An episode is its seed, its options and an ordered log of entries; an entry is
an action with the hash of the reply it got, or a reseeding. Rebuilding replays
the log and compares every hash.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from ....errors import TurnwiseError, UsageError
from ...protocol.types import Problem


class JournalError(TurnwiseError, OSError):
    """A journal that cannot be read or written, and why."""


class NoJournal(JournalError, UsageError):
    """The name of a file that is not there, or not a journal."""


class Entry(NamedTuple):
    """One thing that happened in an episode: a turn, or a reseeding."""

    action: str | None
    digest: bytes  # of the reply; empty for a reseeding
    reseed: int | None = None


class Hosted(Protocol):
    """What a session of a hosted run knows of it; `refusal` says why it takes no more steps, or None."""

    refusal: Callable[[], Problem | None]

    def note(self, core: bytes, document: Mapping[str, Any]) -> None:
        """Take note of a reply, encoded and as it was before."""
        ...

    def shown(self, core: bytes) -> bytes:
        """Return what a client sees of a reply."""
        ...

    def ended(self, end: str) -> None:
        """Take note that the episode has ended."""
        ...


@dataclass(slots=True)
class SessionRecord:
    """What a session is rebuilt from: its environment and its current episode."""

    id: str
    incarnation: str
    owner: str
    env_id: str
    version: int
    fingerprint: str
    kwargs: dict[str, Any]
    base_seed: int
    keep_private: bool
    parent: str | None = None
    episode: int = 0
    seed: int = 0
    options: dict[str, Any] | None = None
    reset_digest: bytes = b""
    log: list[Entry] = field(default_factory=list)
    final: bytes = b""  # the last reply where the machine ended the episode: no replay gives it again
    hosted: Hosted | None = None  # of a run that the server hosts; not in the journal's record of the session


class Journal:
    """A store of sessions; nothing is promised before `commit` returns.

    This one keeps nothing beyond the life of the process: the sessions themselves hold
    their logs.
    """

    durable = False
    """Whether sessions outlive the process."""
    failed = False
    """Whether the last `commit` failed, so that what was recorded still waits."""
    num_lost = 0
    """How many commits there once were that could not be read when it was opened."""

    @property
    def is_gone(self) -> bool:
        """Tell whether what is written now is lost with the process, though it was to outlive it."""
        return False

    @property
    def dirty(self) -> bool:
        """Tell whether something recorded waits for `commit`."""
        return False

    @property
    def is_long(self) -> bool:
        """Tell whether so much was written since the last `checkpoint` that one is due."""
        return False

    def opened(self, record: SessionRecord) -> None:
        """Record a new session with its current episode and log."""

    def began(self, record: SessionRecord) -> None:
        """Record that a session has started the episode that its record holds."""

    def stepped(self, id: str, episode: int, entry: Entry) -> None:
        """Record the next entry in the log of an episode."""

    def ended(self, id: str, episode: int, end: str, final: bytes) -> None:
        """Record how an episode ended; `final` is the last reply where no replay gives it again."""

    def closed(self, ids: Sequence[str]) -> None:
        """Record that sessions were closed."""

    def answered(self, owner: str, request_id: str, digest: bytes, answer: bytes) -> None:
        """Record the answer to a create or a fork."""

    def forgotten(self, owner: str, request_id: str) -> None:
        """Record that an answer to a create or a fork is not needed any more."""

    def noted(self, run: str, kind: str, document: dict[str, Any]) -> None:
        """Record what has happened in a hosted run."""

    def notes(self) -> Iterator[tuple[str, str, dict[str, Any]]]:
        """Return what was noted of runs, in order: run, kind, document."""
        return iter(())

    def moved(self, id: str, hop: int, state: str, server: str, owner: str) -> None:
        """Record where a session is after a move; see `sessions.moves`."""

    def moves(self) -> Iterator[tuple[str, int, Any, str, str]]:
        """Return what was recorded of moves: id, hop, state, server, owner."""
        return iter(())

    async def clear(self, id: str) -> None:
        """Drop what is left of a session that was here before, and comes back."""

    async def commit(self) -> None:
        """Make everything recorded so far durable.

        Raises:
            JournalError: if it could not be written; it is kept and tried again.
        """

    async def tidy(self) -> None:
        """Tidy the store; called now and then.

        Raises:
            JournalError: if it cannot be written.
        """

    def sessions(self) -> Iterator[SessionRecord]:
        """Return the sessions that are open, with their current episodes."""
        return iter(())

    def answers(self) -> Iterator[tuple[str, str, bytes, bytes]]:
        """Return the recorded answers, oldest first: owner, request_id, digest, answer."""
        return iter(())

    def close(self) -> None:
        """Release the store."""
