"""The action in an agent's message, and how it is read.

A thought (envs.thoughts) is no part of any action, and tags inside it mean nothing; one
that is never closed was cut off, and nothing is read after it.

Style "tags": `<think>...</think><action>...</action>`. A thought is optional; outside
thoughts there must be exactly one action, not empty. Text around it is ignored.
Style "plain": the whole message beside its thought, without blanks around it, is the action.
Style "plan": a thought is optional; then a line of the plan (agents.prompts.plan), and
what follows it, without blanks around it, is the action.

Two faults are kept apart. A message is malformed if no action can be read from
it; the environment is then sent the message without its thoughts and the blanks around
it, cut to `max_action_chars`, so that an episode never stalls on a message (the
environment answers as it answers any nonsense). An action is inadmissible if it
was read but is not in the environment's list.

Every function takes linear time: the text is searched for fixed strings only.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Literal

from ...envs.thoughts import Chars, Thoughts, find_thoughts
from ..types import Generation, Span, Style
from .call_values import ToolCall
from .plan import read_plan

MAX_ACTION_CHARS = 32_768  # a file may be written in one

Fault = Literal[
    "",
    "no_action",
    "several_actions",
    "bad_call",
    "empty_action",
    "open_think",
    "too_long",
    "no_plan",
]
_ACTION = re.compile("<(/?)action>")


@dataclass(frozen=True, slots=True)
class Parsed:
    """What was read from one message.

    Args:
        action: the text for the environment; free of lone surrogates.
        fault: why the message is malformed; empty if it is not.
        action_chars: where the action stands in the message, if it was read.
        think_chars: where the first thought stands, without its tags, if there is one.
        switch: whether a new subgoal was set; None where the style has none, or it cannot be read.
        subgoal: the new subgoal.
        switch_chars: where the decision to keep or to switch stands.
        subgoal_chars: where the subgoal stands.
        told: what the model is told in place of the environment's word, if that cannot read the action.
    """

    action: str
    fault: Fault = ""
    action_chars: Chars | None = None
    think_chars: Chars | None = None
    switch: bool | None = None
    subgoal: str = ""
    switch_chars: Chars | None = None
    subgoal_chars: Chars | None = None
    told: str = ""

    @property
    def malformed(self) -> bool:
        """Tell whether no action could be read."""
        return self.fault != ""


@dataclass(frozen=True, slots=True)
class Reading:
    """All that was read from one message.

    Args:
        steps: what is done, each a step of the environment; at least one.
        calls: those that the message makes, in order. The first ones are the steps; more than
            there are steps are not made.
    """

    steps: tuple[Parsed, ...]
    calls: tuple[ToolCall, ...] = ()

    @property
    def whole(self) -> Parsed:
        """Return its steps as one."""
        first, *others = self.steps
        if not others:
            return first
        places = [step.action_chars for step in self.steps if step.action_chars]
        return replace(
            first,
            action="\n".join(step.action for step in self.steps),
            fault=next((step.fault for step in self.steps if step.fault), ""),
            action_chars=(places[0][0], max(end for _, end in places)) if places else None,
        )


def parse_action(
    text: str,
    style: Style = "tags",
    max_action_chars: int = MAX_ACTION_CHARS,
    opened: bool | None = None,
) -> Parsed:
    """Read the action out of a message; any text gets an answer.

    Args:
        text: the message, of any length and content.
        style: how the agent was asked to answer.
        max_action_chars: longer actions are malformed, and cut before they are sent.
        opened: whether the prompt ended inside a thought; None if that is not known.
    """
    text = text.encode("utf-8", "replace").decode("utf-8")  # a lone surrogate becomes one "?"
    thoughts = find_thoughts(text, opened)
    if style == "plan":
        return _planned(text, thoughts, max_action_chars)
    found = (_alone if style == "plain" else _tagged)(text, thoughts)
    return _parsed(text, thoughts, *found, max_action_chars)


def in_tags(action: str) -> str:
    """Return an action as a message of style "tags" says it."""
    return f"<action>{action}</action>"


def is_inadmissible(parsed: Parsed, admissible: Collection[str] | None) -> bool:
    """Tell whether an action was read that the environment does not offer."""
    return admissible is not None and not parsed.malformed and parsed.action not in admissible


def token_spans(parsed: Parsed, generation: Generation) -> tuple[Span, ...]:
    """Return which tokens of the message are the thought and which the action.

    A token belongs to a span if any of its characters do. An action that ends the
    message takes the tokens after its last character (the end of turn) with it.
    Nothing is returned where the policy has no tokens or does not say where they end.
    """
    if not generation.token_ids:
        return ()
    if not generation.char_ends:
        whole = parsed.action_chars == (0, len(generation.text))
        return (Span("action", 0, len(generation.token_ids)),) if whole else ()
    named = (
        ("think", parsed.think_chars),
        ("switch", parsed.switch_chars),
        ("subgoal", parsed.subgoal_chars),
        ("action", parsed.action_chars),
    )
    spans = (_covering(role, chars, generation) for role, chars in named if chars is not None)
    return tuple(span for span in spans if span.start < span.end)


def _covering(role: str, chars: Chars, generation: Generation) -> Span:
    ends = generation.char_ends
    start = bisect_right(ends, chars[0])
    if role == "action" and not generation.text[chars[1] :].strip():
        return Span(role, start, len(ends))
    return Span(role, start, min(len(ends), bisect_left(ends, chars[1]) + 1))


def _parsed(text: str, thoughts: Thoughts, fault: Fault, chars: Chars | None, max_chars: int) -> Parsed:
    think = thoughts.inner[0] if thoughts.inner else None
    if chars is not None and chars[1] - chars[0] > max_chars:
        fault, chars = "too_long", None
    if chars is None:
        return Parsed(thoughts.rest(text).strip()[:max_chars], fault, None, think)
    return Parsed(text[chars[0] : chars[1]], "", chars, think)


def _planned(text: str, thoughts: Thoughts, max_chars: int) -> Parsed:
    """Read the line of the plan and the action; without a plan nothing is read."""
    fault, chars = _alone(text, thoughts)
    plan = None if chars is None else read_plan(text[: chars[1]], chars[0])
    if chars is None or plan is None:
        fault = "open_think" if fault == "open_think" else "no_plan"
        return _parsed(text, thoughts, fault, None, max_chars)
    parsed = _parsed(text, thoughts, *_stripped(text, plan.end, chars[1]), max_chars)
    if parsed.malformed:
        return parsed
    return replace(
        parsed,
        switch=plan.switch,
        subgoal=plan.subgoal,
        switch_chars=plan.switch_chars,
        subgoal_chars=plan.subgoal_chars,
    )


def _alone(text: str, thoughts: Thoughts) -> tuple[Fault, Chars | None]:
    """Take all that is said outside thoughts, which must be in one piece."""
    if thoughts.is_open:
        return "open_think", None
    pieces = [piece for piece in thoughts.outside if text[slice(*piece)].strip()]
    if len(pieces) > 1:
        return "several_actions", None
    return _stripped(text, *pieces[0]) if pieces else ("empty_action", None)


def _tagged(text: str, thoughts: Thoughts) -> tuple[Fault, Chars | None]:
    tags = [tag for start, end in thoughts.outside for tag in _ACTION.finditer(text, start, end)]
    opening, closing = ([tag for tag in tags if tag[1] == slash] for slash in ("", "/"))
    if not opening or not closing or closing[0].start() < opening[0].start():
        return ("open_think" if thoughts.is_open else "no_action"), None
    if len(tags) > 2:
        return "several_actions", None
    return _stripped(text, opening[0].end(), closing[0].start())


def _stripped(text: str, start: int, end: int) -> tuple[Fault, Chars | None]:
    """Leave out blanks at both ends of text[start:end]."""
    inner = text[start:end]
    start += len(inner) - len(inner.lstrip())
    end = start + len(inner.strip())
    return ("", (start, end)) if start < end else ("empty_action", None)
