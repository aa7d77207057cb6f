"""One session: an environment, the episode that it plays, and the replies it has given.

A Session knows the rules of episodes and turns and nothing of transport, keys or
time. It is rebuilt by replaying its record, every reply compared by hash.
"""

from __future__ import annotations

import asyncio
from typing import Any

import orjson

from ...ends import FAULTS
from ...envs.core import ENV_ERRORS
from ..isolation.faults import DeadlineOver, HostLost, reason_of
from ..isolation.hosts import Host, LocalHost, Played
from ..protocol.encoding import digest, encode_core, encode_reply
from ..protocol.problems import busy, episode_finished, replay_diverged, untold, wrong_turn
from ..protocol.types import Problem, ResetItem, StepItem
from .journal.records import Entry, SessionRecord
from .taken import Operated

_MAX_REASON_CHARS = 500


class Diverged(Exception):
    """The first turn at which a replay differs from its record."""

    def __init__(self, episode: int, turn: int, reason: str) -> None:
        self.episode, self.turn, self.reason = episode, turn, reason
        super().__init__(f"episode {episode}, turn {turn}: {reason}")


class Session:
    """An environment that plays episodes numbered from 0, each of turns numbered from 0.

    Args:
        record: what the session is rebuilt from; the session keeps it current.
        max_turns: the length at which an episode is truncated.
    """

    __slots__ = (
        "broken",
        "closed",
        "end",
        "host",
        "last_action",
        "last_reply",
        "max_turns",
        "operated",
        "prefix",
        "record",
        "reset_reply",
        "running",
        "running_call",
        "runs_now",
        "touched",
        "turn",
        "waking",
    )

    def __init__(self, record: SessionRecord, max_turns: int) -> None:
        self.record = record
        self.max_turns = max_turns
        self.prefix = orjson.dumps({"id": record.id, "incarnation": record.incarnation})[:-1]
        self.host: Host | None = None
        self.runs_now = False  # a step runs synchronously, in microseconds
        self.turn = 0
        self.end: str | None = None
        self.reset_reply = self.last_reply = b""
        self.last_action: str | None = None
        self.running: asyncio.Task[bytes | Problem] | None = None
        self.running_call: tuple[Any, ...] = ()
        self.waking: asyncio.Task[None] | None = None
        self.broken: Problem | None = None
        self.operated: Operated | None = None  # by whom it was taken over
        self.closed = False  # a step that still runs is not taken anew
        self.touched = 0.0

    @property
    def asleep(self) -> bool:
        """Tell whether the session has to be rebuilt before it can answer."""
        return not self.reset_reply

    @property
    def expected(self) -> dict[str, Any]:
        """Say which calls would be accepted now."""
        document: dict[str, Any] = {"episode": self.record.episode, "reset": self.record.episode + 1}
        if self.end is None:
            document["turn"] = self.turn
        return document

    def take(self, host: Host, inline: bool) -> None:
        """Hold a host; `inline` says that it is called on the event loop."""
        self.host, self.runs_now = host, False
        if isinstance(host, LocalHost):
            host.closes_on_thread = host.waits or not inline
            self.runs_now = inline and not host.waits

    def began(
        self, episode: int, seed: int, options: dict[str, Any] | None, observation: str, info: dict[str, Any]
    ) -> bytes:
        """Enter an episode with what its reset returned."""
        core = self._core(episode, seed, 0, observation, info)
        return self._enter(episode, seed, options, core, None)

    def fail_reset(
        self,
        episode: int,
        seed: int,
        options: dict[str, Any] | None,
        end: str,
        reason: str,
        *,
        refused: bool = False,
    ) -> bytes:
        """Enter an episode that ended before its first turn; `refused` says that it always would."""
        core = self._failed_core(episode, seed, 0, end, reason, **({"refused": True} if refused else {}))
        self.drop_host()
        return self._enter(episode, seed, options, core, end)

    def played(self, action: str, result: Played) -> bytes:
        """Count a turn with what its step returned and return the reply.

        Raises:
            EnvironmentFault: if the result cannot be sent.
        """
        core, end = self._judged(result)
        return self._count(action, self.turn + 1, core, end)

    def fail(self, action: str, end: str, reason: str) -> bytes:
        """Count a turn that ended the episode for the machine's reasons and return the reply."""
        core = self._failed_core(self.record.episode, self.record.seed, self.turn + 1, end, reason)
        self.drop_host()
        return self._count(action, self.turn + 1, core, end)

    @classmethod
    def replayed(cls, record: SessionRecord, max_turns: int, host: Host) -> Session:
        """Play a record on a fresh host and return a session in the state it leads to; may block.

        The session is a new one, so that nobody sees a state half way there: calls
        go on arriving while a thread replays.

        Raises:
            Diverged: naming the first turn whose reply differs.
        """
        fresh = cls(record, max_turns)
        try:
            fresh.host = fresh._replay(host)
        except (Diverged, HostLost, DeadlineOver):
            raise
        except ENV_ERRORS as error:
            reason = f"the environment raised {reason_of(error)}"
            raise Diverged(record.episode, fresh.turn + 1, reason[:_MAX_REASON_CHARS]) from error
        return fresh

    def adopt(self, fresh: Session, inline: bool) -> None:
        """Take over the state of a replayed session, and its host."""
        self.turn, self.end, self.last_action = fresh.turn, fresh.end, fresh.last_action
        self.reset_reply, self.last_reply = fresh.reset_reply, fresh.last_reply
        self.drop_host()
        if fresh.host is not None:
            self.take(fresh.host, inline)
        if self.closed:  # meanwhile
            self.drop_host()

    def break_off(self, error: Diverged) -> Problem:
        """Refuse every call from now on, because the record cannot be replayed."""
        record = self.record
        reason = error.reason[:_MAX_REASON_CHARS]
        problem = replay_diverged(record.id, record.episode, error.turn, record.env_id, reason)
        self.broken = problem if record.hosted is None else untold(problem)
        return self.broken

    def _replay(self, host: Host) -> Host | None:
        record, log = self.record, self.record.log
        final = record.final
        if not (final and not log):
            self._compare(0, record.reset_digest, self._replayed_reset(host))
        for position, entry in enumerate(log):
            if entry.action is None:
                host.reseed(entry.reseed or 0)
            elif not (final and position == len(log) - 1):
                core = self._replayed_step(host, entry.action)
                self._compare(self.turn, entry.digest, core)
        if final:
            self._restore_final(final)
            host.close()
            return None
        return host

    def refusal(self) -> Problem | None:
        """Say why the session takes no more steps; None if it does."""
        hosted = self.record.hosted
        return self.broken if hosted is None else hosted.refusal() or self.broken

    def object_to_step(self, item: StepItem) -> Problem:
        """Say why a step does not follow."""
        record = self.record
        if self.running is not None:
            return busy(record.id, str(self.running_call[0]), self.expected)
        if item.episode == record.episode and item.turn == self.turn and self.end is not None:
            return episode_finished(record.id, record.episode, self.turn)
        if item.episode == record.episode and item.turn == self.turn - 1:
            detail = f"turn {item.turn} was taken with another action"
        else:
            detail = f"the session stands at episode {record.episode}, turn {self.turn}"
        return wrong_turn(record.id, item.episode, item.turn, self.expected, detail)

    def object_to_reset(self, item: ResetItem) -> Problem:
        """Say why a reset does not follow."""
        record = self.record
        if self.running is not None:
            return busy(record.id, str(self.running_call[0]), self.expected)
        detail = f"the session stands at episode {record.episode}"
        if item.episode == record.episode:
            detail = f"episode {item.episode} was started with another seed or other options"
        return wrong_turn(record.id, item.episode, 0, self.expected, detail)

    def repeats_reset(self, item: ResetItem) -> bool:
        """Tell whether a reset asks for what started the current episode."""
        record = self.record
        return (
            item.episode == record.episode
            and (item.seed is None or item.seed == record.seed)
            and (item.options or None) == (record.options or None)
        )

    def core_of(self, reply: bytes) -> bytes:
        """Cut the names of the session off a reply."""
        return b"{" + reply[len(self.prefix) + 1 :]

    def drop_host(self) -> None:
        """Release the environment."""
        host, self.host, self.runs_now = self.host, None, False
        if host is not None:
            host.close()

    def _core(
        self,
        episode: int,
        seed: int,
        turn: int,
        observation: str,
        info: dict[str, Any],
        *,
        reward: float = 0.0,
        terminated: bool = False,
        truncated: bool = False,
        end: str | None = None,
    ) -> bytes:
        record = self.record
        if "private" in info and not record.keep_private:
            info = {key: value for key, value in info.items() if key != "private"}
        document = {
            "episode": episode,
            "turn": turn,
            "observation": observation,
            "reward": reward,
            "terminated": terminated,
            "truncated": truncated,
            "end": end,
            "info": info,
            "env_id": record.env_id,
            "fingerprint": record.fingerprint,
            "seed": seed,
        }
        core = encode_core(document)
        if record.hosted is not None:
            record.hosted.note(core, document)
        return core

    def _reply(self, core: bytes) -> bytes:
        """Return what a client is sent of a reply: in a hosted run only what the benchmark shows."""
        hosted = self.record.hosted
        return encode_reply(self.prefix, core if hosted is None else hosted.shown(core))

    def _failed_core(self, episode: int, seed: int, turn: int, end: str, reason: str, **more: Any) -> bytes:
        reason = reason[:_MAX_REASON_CHARS].encode("utf-8", "replace").decode("utf-8")
        info = {"state_key": "", "error": reason, **more}
        return self._core(episode, seed, turn, "", info, truncated=True, end=end)

    def _enter(
        self, episode: int, seed: int, options: dict[str, Any] | None, core: bytes, end: str | None
    ) -> bytes:
        record = self.record
        record.episode, record.seed, record.options = episode, seed, options
        record.reset_digest, record.log = digest(core), []
        record.final = core if end is not None else b""
        self.turn, self.end, self.last_action = 0, end, None
        self.reset_reply = self.last_reply = self._reply(core)
        return self.reset_reply

    def _count(self, action: str, turn: int, core: bytes, end: str | None) -> bytes:
        self.record.log.append(Entry(action, digest(core)))
        if end in FAULTS:
            self.record.final = core
        self.turn, self.end, self.last_action = turn, end, action
        self.last_reply = self._reply(core)
        return self.last_reply

    def _replayed_reset(self, host: Host) -> bytes:
        record = self.record
        observation, info = host.reset(record.seed, record.options)
        core = self._core(record.episode, record.seed, 0, observation, info)
        self.turn, self.end, self.last_action = 0, None, None
        self.reset_reply = self.last_reply = self._reply(core)
        return core

    def _replayed_step(self, host: Host, action: str) -> bytes:
        core, end = self._judged(host.step(action))
        self.turn, self.end, self.last_action = self.turn + 1, end, action
        self.last_reply = self._reply(core)
        return core

    def _judged(self, result: Played) -> tuple[bytes, str | None]:
        """Encode what the next turn's step returned, and say how it ends the episode."""
        observation, reward, terminated, truncated, info = result
        record, turn = self.record, self.turn + 1
        if turn >= self.max_turns and not terminated:
            truncated = True
        end = "terminated" if terminated else "horizon" if truncated else None
        core = self._core(
            record.episode,
            record.seed,
            turn,
            observation,
            info,
            reward=reward,
            terminated=terminated,
            truncated=truncated,
            end=end,
        )
        return core, end

    def _restore_final(self, core: bytes) -> None:
        document = orjson.loads(core)
        reply, log = self._reply(core), self.record.log
        self._compare(document["turn"], log[-1].digest if log else self.record.reset_digest, core)
        self.turn, self.end = document["turn"], document["end"]
        self.last_reply = reply
        self.last_action = log[-1].action if log else None
        self.reset_reply = self.reset_reply or reply

    def _compare(self, turn: int, recorded: bytes, core: bytes) -> None:
        if digest(core) != recorded:
            raise Diverged(
                self.record.episode, turn, "the environment's reply differs from the one that was sent"
            )
