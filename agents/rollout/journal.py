"""The journal of a rollout: what was said and answered, kept turn by turn, and played back after a kill.

A rollout that goes on is the same rollout from its beginning: its scheduler, slots and prompts do again
what they did, and as far as an episode's tape reaches, messages and replies are read from it instead of
being asked for. Nothing of the state of an episode is stored, so nothing can be stored wrongly: conversation,
tokens, keys of random numbers and the order of lock-step come out of the same code. Where the tape ends the
episode joins its session again (rejoining.py).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from time import perf_counter
from typing import Any

import orjson

from ...ends import FAULTS
from ...servers.client import SessionClient
from ...servers.protocol.encoding import decode_item
from ...servers.protocol.types import Reply
from ..trajectories import MISFIT, from_generation, to_generation
from ..types import Generation, GenerationRequest
from .config import TaskItem
from .journal_file import JournalFile

Name = tuple[str, str, int, int, int]
"""Of an episode: environment, group, seed of the task, episode number, member."""
_SAID, _REPLY, _SESSION = b'{"said":', b'{"reply":', b'{"session":'


@dataclass(slots=True)
class Resumed:
    """What became of the episodes that an earlier process had begun.

    Args:
        attached: went on in the session that the server still held.
        rebuilt: went on in a new session, in which their actions were taken again.
        again: could not go on, and were played again from their beginning.
        kept_turns: messages that were not generated again.
        lost_turns: messages that were kept and generated again all the same.
        seconds: until the last of them stood where it had stopped.
    """

    attached: int = 0
    rebuilt: int = 0
    again: int = 0
    kept_turns: int = 0
    lost_turns: int = 0
    seconds: float = 0.0

    @property
    def twice(self) -> float:
        """Return the share of the kept turns that were generated twice."""
        return self.lost_turns / max(1, self.kept_turns + self.lost_turns)

    def diverged(self, num_turns: int) -> None:
        """Count an episode that is played again, of which so many turns were read."""
        self.again += 1
        self.kept_turns -= num_turns
        self.lost_turns += num_turns

    def figures(self) -> dict[str, float]:
        """Return it for the log of a run; {} where nothing was resumed."""
        if not (self.kept_turns or self.lost_turns or self.again):
            return {}
        values = {f"resumed/{name}": float(value) for name, value in asdict(self).items()}
        return {**values, "resumed/twice": self.twice}

    def __str__(self) -> str:
        """Say it in one line."""
        return (
            f"{self.kept_turns} turns were kept; of the episodes under way {self.attached} go on in their "
            f"sessions, {self.rebuilt} in sessions rebuilt by replay, {self.again} were played again; "
            f"{100 * self.twice:.2g} % of the turns were generated twice; {self.seconds:.1f} s"
        )


class Tape:
    """What is kept of one episode: first read, then written.

    Args:
        journal: the one that it belongs to.
        number: of the episode there; 0 until it begins.
        records: what an earlier process has kept.
    """

    def __init__(self, journal: Journal, number: int = 0, records: Iterable[bytes] = ()) -> None:
        self._journal, self._number, self._records = journal, number, deque(records)
        self.session: tuple[str, int] | None = None  # id and episode, where it was rebuilt in another one

    @property
    def num_messages(self) -> int:
        """Return how many messages can be read."""
        return sum(record.startswith(_SAID) for record in self._records)

    @property
    def is_read(self) -> bool:
        """Tell whether nothing is left to be read."""
        return not self._records

    def start(self) -> Reply | None:
        """Return the reply that the episode began with; None if it has not begun."""
        return self._reply(b'{"task":')

    def reply(self) -> Reply | None:
        """Return the reply to the next step; None if it was not kept."""
        return self._reply(_REPLY)

    def message(self, request: GenerationRequest) -> Generation | None:
        """Return the message that answered a request; None if none is kept, or of another prompt."""
        document = self._next(_SAID)
        if document is None:
            return None
        try:
            if document["prompt"] != _mark(request):
                raise ValueError("another prompt")
            said = to_generation(document["said"])
            if None in said.logprobs or None in said.entropy:
                raise ValueError("a number that JSON does not hold")
        except MISFIT:
            self.lose()
            self._journal.resumed.lost_turns += 1
            return None
        self._journal.resumed.kept_turns += 1
        same = not said.prompt_ids and request.prompt_ids is not None
        return replace(said, prompt_ids=request.prompt_ids or ()) if same else said

    def began(self, task: TaskItem, reply: Reply) -> None:
        """Keep the reply that the episode began with."""
        if reply.end not in FAULTS:
            self._number = self._journal.next_number()
            self._write({"task": name_of(task), "reply": reply})

    def said(self, request: GenerationRequest, message: Generation) -> None:
        """Keep a message, before its step is asked for."""
        if message.prompt_ids == request.prompt_ids:
            message = replace(message, prompt_ids=())
        self._write({"said": from_generation(message), "prompt": _mark(request)})

    def answered(self, reply: Reply) -> None:
        """Keep the reply to a step; a failure of the machine is no part of an episode."""
        if reply.end not in FAULTS:
            self._write({"reply": reply})

    def moved(self, reply: Reply) -> None:
        """Keep in which session the episode goes on."""
        self._write({"session": [reply.id, reply.episode]})

    def caught_up(self) -> None:
        """Note that the episode stands where it had stopped, or has ended."""
        self._journal.note_time()

    def lose(self) -> None:
        """Read no further: the rest does not belong to what is played."""
        self._journal.resumed.lost_turns += self.num_messages
        self._records.clear()

    def _reply(self, begins: bytes) -> Reply | None:
        document = self._next(begins)
        if document is None:
            return None
        try:
            found = decode_item(document["reply"])
            if isinstance(found, Reply):
                return found
        except MISFIT:
            pass
        self.lose()
        return None

    def _next(self, begins: bytes) -> dict[str, Any] | None:
        """Return the next record; None if it is of another kind, after which nothing is read."""
        if not self._records:
            return None
        if not self._records[0].startswith(begins):
            self.lose()
            return None
        document: dict[str, Any] = orjson.loads(self._records.popleft())
        return document

    def _write(self, document: Mapping[str, Any]) -> None:
        if not self._journal.keeps or not self._number:
            return
        try:
            content = orjson.dumps(document)
        except TypeError:  # text or a number that JSON cannot hold: the episode is kept up to here
            self._number = 0
            return
        self._journal.append(self._number, content)


class Journal:
    """The tapes of one rollout, and of the rounds that follow it.

    Args:
        file: where they are kept; None: nowhere.
        records: what an earlier process has kept there.

    Attributes:
        keeps: whether turns are kept.
        resumed: what became of those that were.
        held: the sessions of earlier episodes that the server still holds.
    """

    def __init__(self, file: JournalFile | None = None, records: Iterable[tuple[int, bytes]] = ()) -> None:
        self._file = file
        self.keeps = file is not None
        self._begun = perf_counter()
        self._tapes: dict[Name, Tape] = {}
        self._sessions: dict[Name, tuple[str, int]] = {}
        self._last_number = 0
        self.resumed = Resumed()
        self.held: frozenset[str] = frozenset()
        self._load(records)

    @property
    def num_turns(self) -> int:
        """Return how many messages can be read."""
        return sum(tape.num_messages for tape in self._tapes.values())

    @property
    def sessions(self) -> list[str]:
        """Return the sessions of episodes that had not ended."""
        return [id for id, _ in self._sessions.values()]

    def tape(self, task: TaskItem) -> Tape:
        """Return the tape of an episode; that of a former process once, since a retry plays anew."""
        return self._tapes.pop(name_of(task), None) or Tape(self)

    async def take_over(self, client: SessionClient, tasks: Collection[TaskItem]) -> None:
        """Take over the sessions of episodes that had not ended, as far as the server still holds them."""
        names = {name_of(task) for task in tasks}
        wanted = [id for name, (id, _) in self._sessions.items() if name in names]
        self.held = frozenset(await client.attach(wanted)) if wanted else frozenset()

    def next_number(self) -> int:
        """Return the number of an episode that begins."""
        self._last_number += 1
        return self._last_number

    def append(self, number: int, content: bytes) -> None:
        """Keep a record."""
        if self._file is not None:
            self._file.append(number, content)

    def note_time(self) -> None:
        """Note that an episode stands where it had stopped."""
        self.resumed.seconds = perf_counter() - self._begun

    def close(self) -> None:
        """Keep no more."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _load(self, records: Iterable[tuple[int, bytes]]) -> None:
        """Sort records by episodes; where one was begun again, its last beginning counts."""
        by_number: dict[int, list[bytes]] = {}
        for number, record in records:
            by_number.setdefault(number, []).append(record)
        for number, own in by_number.items():
            self._last_number = max(self._last_number, number)
            begun = _begun(own[0])
            if begun is None:
                continue
            name, session = begun
            moved = [orjson.loads(record)["session"] for record in own if record.startswith(_SESSION)]
            tape = Tape(self, number, [record for record in own if not record.startswith(_SESSION)])
            tape.session = (str(moved[-1][0]), int(moved[-1][1])) if moved else None
            self._tapes[name] = tape
            self._sessions.pop(name, None)
            if not _has_ended(own):
                self._sessions[name] = tape.session or session


def name_of(task: TaskItem) -> Name:
    """Return what names an episode among all of a rollout."""
    return task.env_id, task.group_name, task.seed, task.episode, task.member or 0


def _begun(record: bytes) -> tuple[Name, tuple[str, int]] | None:
    """Return the episode that a first record names, and its session."""
    try:
        document = orjson.loads(record)
        env_id, group, seed, episode, member = document["task"]
        reply = document["reply"]
        return (env_id, group, seed, episode, member), (str(reply["id"]), int(reply["episode"]))
    except MISFIT:
        return None


def _has_ended(records: list[bytes]) -> bool:
    last = next((record for record in reversed(records) if record.startswith(_REPLY)), b"")
    if not last:
        return False
    reply = orjson.loads(last)["reply"]
    return bool(reply["terminated"] or reply["truncated"])


def _mark(request: GenerationRequest) -> int:
    """Return what tells a prompt in tokens from another; hashes of numbers are the same in every process."""
    return hash(request.prompt_ids) if request.prompt_ids else 0
