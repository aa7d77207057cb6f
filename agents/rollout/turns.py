"""A turn as data: what was said in which state, and what the environment made of it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from typing import Any

from ...servers.protocol.types import Reply
from ..prompts.parse import Parsed, is_inadmissible, token_spans
from ..types import Generation, Message, Step, Style, Turn

_KEPT_ELSEWHERE = frozenset(
    {
        "state_key", "rewards", "instruction", "task", "agent", "metrics", "patch", "suggestions",
        "replay_key", "malformed",
    }
)  # fmt: skip


@dataclass(slots=True)
class Taken:
    """What came of a message, step by step.

    Args:
        before: the state that the message was said in.
        after: the state now.
        steps: what was done.
        replies: the environment's to each of them, as the policy is told them.
        seconds: that the environment took.
    """

    before: Reply
    after: Reply
    steps: list[Step] = field(default_factory=list)
    replies: list[Reply] = field(default_factory=list)
    seconds: float = 0.0

    def add(self, parsed: Parsed, after: Reply, filtered: bool) -> None:
        """Note one step.

        Args:
            parsed: what was done.
            after: what the environment answered.
            filtered: whether the message was withheld, which is no fault of its form.
        """
        before = self.after
        step = Step(
            observation=before.observation,
            state_key=key_of(before),
            action=parsed.action,
            reward=after.reward,
            rewards=dict(after.info.get("rewards") or {}),
            malformed=not filtered and is_malformed(parsed, after.info),
            inadmissible=not filtered and is_inadmissible(parsed, before.info.get("admissible")),
        )
        self.after = after
        self.steps.append(step)
        self.replies.append(replace(after, observation=told(parsed, after)))

    def pairs(self, shown: str) -> list[tuple[str, str]]:
        """Return each state, as the policy is told it, and what was done in it; the first one was `shown`."""
        states = [shown, *(reply.observation for reply in self.replies)]
        return [(state, step.action) for state, step in zip(states, self.steps, strict=False)]


def turn_of(
    taken: Taken,
    generation: Generation,
    parsed: Parsed,
    *,
    index: int,
    style: Style,
    subgoal: str,
    dropped: Collection[str],
    native: bool = False,
    prompt: tuple[Message, ...] = (),
) -> Turn:
    """Return one turn.

    Args:
        taken: what was done, and in which state.
        generation: the message.
        parsed: what was read from it, its steps as one.
        index: of the turn.
        style: how the agent was asked to answer.
        subgoal: the one in force.
        dropped: keys of info that are not kept; with prompts in words the first turn keeps the tools that
            were called natively, since no prompt holds them.
        native: whether tools were called in the model's own form.
        prompt: what was asked, to be kept in words.
    """
    steps, info, first = taken.steps, taken.before.info, taken.steps[0]
    left_out = {*dropped, *_KEPT_ELSEWHERE} - ({"tools"} if native and prompt and not index else set())
    tiers = dict(first.rewards)
    for name, value in (pair for step in steps[1:] for pair in step.rewards.items()):
        tiers[name] = tiers.get(name, 0.0) + value
    return Turn(
        index=index,
        observation=first.observation,
        state_key=first.state_key,
        action="\n".join(step.action for step in steps),
        reward=sum((step.reward for step in steps[1:]), first.reward),
        next_state_key=key_of(taken.after),
        generation=generation,
        spans=token_spans(parsed, generation),
        rewards=tiers,
        seconds=round(taken.seconds, 6),
        malformed=any(step.malformed for step in steps),
        inadmissible=any(step.inadmissible for step in steps),
        agent=str(info.get("agent") or ""),
        switch=bool(parsed.switch) if style == "plan" else None,
        subgoal=subgoal,
        info={name: info[name] for name in info if name not in left_out},
        prompt=prompt,
        steps=tuple(steps) if len(steps) > 1 else (),
    )


def told(parsed: Parsed, after: Reply) -> str:
    """Return what the policy is told of a step.

    An environment that cannot read an action may name a form that the policy was not asked for; it is
    told what is wrong in our words instead. What other environments answer to a call that is wrong is
    never hidden: it may show the state.
    """
    if parsed.told and after.info.get("malformed"):
        return parsed.told
    return f"{parsed.told}\n{after.observation}" if parsed.told and parsed.malformed else after.observation


def key_of(reply: Reply) -> str:
    """Return the key of the state that a reply shows."""
    return str(reply.info.get("state_key", reply.observation))


def outcome(info: dict[str, Any], failed: bool) -> dict[str, Any]:
    """Return what a last reply says of an episode, as fields of its trajectory.

    Args:
        info: of the reply.
        failed: whether the machine failed: then nothing is known of success.
    """
    won, score, metrics = info.get("won"), info.get("score"), info.get("metrics") or {}
    return {
        "success": None if failed or won is None else bool(won),
        "score": None if failed or score is None else float(score),
        "metrics": {} if failed else {name: float(value) for name, value in metrics.items()},
        "patch": dict(info.get("patch") or {}),
    }


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
