"""The calls of one episode, and which of them are turns."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..types import Step
from .asked import Answer
from .conversations import Place
from .growing import Body


@dataclass(slots=True, eq=False)
class Call:
    """One call of a model, and what came of it.

    Args:
        number: in its episode, from 0.
        sent: where, and what, by which an equal request is known.
        body: what was read of it.
        side: whether it is not one of the agent's turns: the client says so, or the episode is over.
        created: when it was asked, in seconds of the clock.
        work: answers it, while it does.
        place: where it stands in its conversation.
        answer: what was said; None while it is not.
        delivered: whether somebody has taken the answer.
        state_key: of the state that it was asked in; None: not told.
        next_state_key: of the state that its answer led to; None: not told.
        reward: for it.
        rewards: named tiers.
        steps: of the session that its answer led to.
        info: of the session when it was asked.
        named: whether a reward or a step was for it.
    """

    number: int
    sent: tuple[str, bytes]
    body: Body
    side: bool
    created: int = 0
    work: asyncio.Task[None] | None = None
    place: Place | None = None
    answer: Answer | None = None
    delivered: bool = False
    state_key: str | None = None
    next_state_key: str | None = None
    reward: float = 0.0
    rewards: dict[str, float] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)
    info: dict[str, Any] = field(default_factory=dict)
    named: bool = False


def turns_among(calls: Iterable[Call]) -> list[Call]:
    """Return the calls that are turns of the episode, in their order.

    A call is one if a later call goes on from its messages, a turn has its answer among its messages, or a
    reward or a step was for it. So is one that ends a conversation: of several answers at one place the
    last, where none is gone on from. So is one that begins as such a conversation does, with the same tools
    and first message, where a sequence begins or the episode ends: a history that was compacted. Where
    nothing is gone on from and nothing is named, as under a harness that writes every prompt anew, all are.
    What is left are side calls: titles, summaries, answers that were asked for twice.
    """
    answered = [(call, call.place) for call in calls if call.place and call.answer and not call.side]
    continued = {place.before for _, place in answered}
    kept = {call for call, place in answered if call.named or place in continued}
    taken = {place.before for call, place in answered if call in kept}
    ends = {place.before: call for call, place in answered if place.before}
    kept |= {call for before, call in ends.items() if before not in taken}
    if not kept:
        return [call for call, _ in answered]
    heads = {place.head for call, place in answered if call in kept}
    seen = {place.chain for call, place in answered if call in kept}
    last = answered[-1][0]
    kept |= {
        call
        for call, place in answered
        if place.head in heads and place.chain not in seen and (place.parent is None or call is last)
    }
    said = {call.answer: call for call, _ in answered}
    for call, place in reversed(answered):  # what is recalled was said before
        if call in kept:
            kept |= {said[answer] for answer in place.recalled if answer in said}
    return [call for call, _ in answered if call in kept]


def observation_of(place: Place) -> str:
    """Return what is new to the policy in words: what came after its last answer."""
    texts: list[str] = []
    for message in reversed(place.new):
        if message.role in ("assistant", "system"):
            break
        texts.append(message.content)
    return "\n\n".join(reversed(texts))


def last_turn(calls: Sequence[Call]) -> Call | None:
    """Return the last answered call that may be a turn; steps of a session are for it."""
    return next((call for call in reversed(calls) if call.answer and not call.side), None)
