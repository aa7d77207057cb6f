"""How an episode that was played back from its tape goes on: in its own session, or in one that is rebuilt.

A session that the server still holds is asked by the last step again, which is safe, since a step names
episode and turn: the answer shows whether it stands where the tape ends. Where it is gone, a new one takes
the same actions from the same seed, and each reply has to be the one on the tape.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from ...errors import EnvironmentFault, TurnwiseError
from ...servers.protocol.types import Problem, Reply, StepItem
from .breaker import TaskRefused
from .config import TaskItem
from .sessions import SessionPool


class Diverged(TurnwiseError):
    """The reason why an episode cannot go on from where its tape ends."""


class Fork(NamedTuple):
    """Where an episode parted from another: after how many steps, and with which seed."""

    after: int
    reseed: int


@dataclass(slots=True)
class Past:
    """The steps that were played back.

    Args:
        first: the reply that they began with.
        steps: each action, and the reply to it.
        forks: where the episode parted from others, in their order.
    """

    first: Reply | None = None
    steps: list[tuple[str, Reply]] = field(default_factory=list)
    forks: tuple[Fork, ...] = ()

    def parted(self, reseed: int) -> Past:
        """Return the past of an episode that parts here."""
        return replace(self, steps=list(self.steps), forks=(*self.forks, Fork(len(self.steps), reseed)))


async def stands(sessions: SessionPool, at: Reply, past: Past) -> bool:
    """Tell whether a session that is there stands where a tape ends, or one step further.

    Args:
        sessions: the pool that holds it.
        at: the last reply of the tape, in that session.
        past: the steps of the tape.
    """
    own = past.steps[past.forks[-1].after if past.forks else 0 :]
    if not own:
        return await sessions.standing(at.id) in [(at.episode, at.turn), (at.episode, at.turn + 1)]
    action, last = own[-1]
    answer = await sessions.ask(StepItem(at.id, at.episode, at.turn - 1, action))
    if isinstance(answer, Problem):  # further by the step whose answer was lost, which may have ended it
        said = answer.expected if isinstance(answer.expected, dict) else {}
        return said.get("episode") == at.episode and said.get("turn", at.turn + 1) == at.turn + 1
    return _same(answer, last)


async def rebuilt(sessions: SessionPool, task: TaskItem, past: Past) -> Reply:
    """Open a session in the state that the steps of a tape lead to, and return its last reply.

    Raises:
        Diverged: if the environment answers otherwise than it did; the session is closed.
        EnvironmentFault: if it does not answer.
        ServerError: if the service fails.
    """
    assert past.first is not None, "a tape begins with a reply"
    try:
        reply = await sessions.start(task, None)
    except TaskRefused as error:
        raise EnvironmentFault(str(error)) from error
    await _compare(sessions, reply, past.first, "at its beginning")
    forks = list(past.forks)
    for place in range(len(past.steps) + 1):
        while forks and forks[0].after == place:
            reply = await _forked(sessions, reply, forks.pop(0).reseed, task)
        if place < len(past.steps):
            action, expected = past.steps[place]
            reply = await sessions.step(StepItem(reply.id, reply.episode, reply.turn, action), task.env_id)
            await _compare(sessions, reply, expected, f"to action {place + 1} of {len(past.steps)}")
    return reply


async def _forked(sessions: SessionPool, reply: Reply, reseed: int, task: TaskItem) -> Reply:
    branch = await sessions.fork(reply.id, reseed, task.env_id)
    await sessions.close(reply.id)
    return branch


async def _compare(sessions: SessionPool, reply: Reply, expected: Reply, where: str) -> None:
    if not _same(reply, expected):
        await sessions.close(reply.id)
        raise Diverged(
            f"{reply.env_id or expected.env_id} was rebuilt and answers {where} {reply.observation[:80]!r} "
            f"with reward {reply.reward:g}, not {expected.observation[:80]!r} with {expected.reward:g}: "
            "it does not repeat itself, or its code has changed"
        )


def _same(one: Reply, other: Reply) -> bool:
    return _shown(one) == _shown(other)


def _shown(reply: Reply) -> Sequence[object]:
    info = reply.info
    return (
        reply.observation, reply.reward, reply.terminated, reply.truncated,
        info.get("state_key"), info.get("state_hash"), info.get("won"),
    )  # fmt: skip
