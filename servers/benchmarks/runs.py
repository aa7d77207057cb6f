"""A run as a fold over what the journal holds of it: opened, dealt, ended, closed.

The same fold makes what the server knows while a run goes on, what it knows after a restart, and what a
score is made of. Nothing that a client sends enters it but the declaration of who plays.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

from ...errors import UsageError

FINISHED = frozenset({"terminated", "horizon"})
"""Ends of a task that was played to its end; after any other it is lost, whoever's fault that is."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a task ended; `total` is the sum of its rewards, `seconds` are from its dealing to its end."""

    end: str
    success: bool | None
    score: float | None
    total: float
    turns: int
    seconds: float


@dataclass(slots=True)
class Dealt:
    """One task that was dealt: its session, when, and its outcome once it has one."""

    session: str
    at: float
    outcome: Outcome | None = None


@dataclass(frozen=True, slots=True)
class Opening:
    """How a run began.

    Args:
        benchmark: its name.
        version: of the benchmark.
        hash: of all that decides a score.
        owner: the name of the key.
        agent: what the client says of who plays.
        config: what the client says of how.
        request_id: made by the client; empty without one.
        attempt: the number of this run among those of the key and the benchmark, from 1.
        at: Unix seconds.
        deadline: Unix seconds.
    """

    benchmark: str
    version: int
    hash: str
    owner: str
    agent: str
    config: dict[str, Any]
    request_id: str
    attempt: int
    at: float
    deadline: float


@dataclass(slots=True)
class Run:
    """One run: who plays what, and what came of it so far."""

    id: str
    opening: Opening
    dealt: list[Dealt] = field(default_factory=list)
    spent: dict[str, Any] = field(default_factory=dict)  # as its client declares
    spent_before: int = -1  # the task with which that was said
    closed: str = ""  # why
    closed_at: float = 0.0

    @property
    def open_tasks(self) -> list[int]:
        """Return the numbers of the tasks that were dealt and have not ended."""
        return [number for number, dealt in enumerate(self.dealt) if dealt.outcome is None]

    def apply(self, kind: str, document: dict[str, Any]) -> None:
        """Take one thing that happened."""
        if kind == "dealt":
            self.dealt.append(Dealt(document["session"], document["at"]))
        elif kind == "ended" and self.dealt[document["task"]].outcome is None:
            self.dealt[document["task"]].outcome = Outcome(**document["outcome"])
        elif kind == "spent":
            self.spent, self.spent_before = document["spent"], document["before"]
        elif kind == "closed":
            self.closed, self.closed_at = document["cause"], document["at"]


def opened(opening: Opening) -> dict[str, Any]:
    """Return the beginning of a run as the journal holds it."""
    return asdict(opening)


def ended(task: int, outcome: Outcome) -> dict[str, Any]:
    """Return the end of a task as the journal holds it."""
    return {"task": task, "outcome": asdict(outcome)}


def fold(notes: Iterable[tuple[str, str, dict[str, Any]]]) -> dict[str, Run]:
    """Make runs of what the journal holds, in the order in which they began.

    Raises:
        UsageError: if a note is not as it was written.
    """
    runs: dict[str, Run] = {}
    for id, kind, document in notes:
        with reading(id, kind):
            if kind == "opened":
                runs[id] = Run(id, Opening(**document))
            elif id in runs:
                runs[id].apply(kind, document)
    return runs


@contextmanager
def reading(run: str, kind: str) -> Iterator[None]:
    """Say which note of a journal could not be read: nothing is hosted on what somebody has changed.

    Raises:
        UsageError: naming the run and the kind of the note.
    """
    try:
        yield
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        if isinstance(error, UsageError):
            raise
        raise UsageError(
            f"the journal's note {kind!r} of {f'run {run}' if run else 'all runs'} is not as turnwise writes "
            f"it ({type(error).__name__}: {error}); put back a copy of the journal, or begin with a new "
            "journal and a new folder of an operator"
        ) from error
