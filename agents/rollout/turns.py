"""A turn as data: what was said in which state, and what the environment made of it."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from ...servers.protocol.types import Reply
from ..prompts.parse import Parsed, is_inadmissible, token_spans
from ..types import Generation, Message, Style, Turn

_KEPT_ELSEWHERE = frozenset(
    {
        "state_key", "rewards", "instruction", "task", "agent", "metrics", "patch", "suggestions",
        "replay_key", "malformed",
    }
)  # fmt: skip


def turn_of(
    before: Reply,
    generation: Generation,
    parsed: Parsed,
    after: Reply,
    *,
    index: int,
    style: Style,
    subgoal: str,
    dropped: Collection[str],
    prompt: tuple[Message, ...] = (),
) -> Turn:
    """Return one turn.

    Args:
        before: the state that the message was said in.
        generation: the message.
        parsed: what was read from it.
        after: what the environment answered.
        index: of the turn.
        style: how the agent was asked to answer.
        subgoal: the one in force.
        dropped: keys of info that are not kept.
        prompt: what was asked, to be kept in words.
    """
    info, filtered = before.info, generation.finish_reason == "filtered"
    return Turn(
        index=index,
        observation=before.observation,
        state_key=str(info.get("state_key", before.observation)),
        action=parsed.action,
        reward=after.reward,
        next_state_key=str(after.info.get("state_key", after.observation)),
        generation=generation,
        spans=token_spans(parsed, generation),
        rewards=dict(after.info.get("rewards") or {}),
        malformed=not filtered and is_malformed(parsed, after.info),
        inadmissible=not filtered and is_inadmissible(parsed, info.get("admissible")),
        agent=str(info.get("agent") or ""),
        switch=bool(parsed.switch) if style == "plan" else None,
        subgoal=subgoal,
        info={name: info[name] for name in info if name not in dropped and name not in _KEPT_ELSEWHERE},
        prompt=prompt,
    )


def is_malformed(parsed: Parsed, info: dict[str, Any]) -> bool:
    """Tell whether a message could not be read.

    An environment that reads messages itself has the word, whatever the style is; a plan that
    could not be read stays a fault beside it. For others it is what the style asks for.

    Args:
        parsed: what was read by the style.
        info: of the reply to it.
    """
    said = info.get("malformed")
    return parsed.malformed if said is None or parsed.fault == "no_plan" else bool(said)
