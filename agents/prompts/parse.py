"""The action in an agent's message, and how it is read.

Style "tags": `<think>...</think><action>...</action>`. A think block is optional;
if the message opens one it must be closed, and tags inside it mean nothing. What
follows must hold exactly one action, not empty. Text around it is ignored.
Style "plain": the whole message, without blanks around it, is the action.
Style "plan": a think block is optional; then a line of the plan (agents.prompts.plan), and
what follows it, without blanks around it, is the action.

Two faults are kept apart. A message is malformed if no action can be read from
it; the environment is then sent the message itself, without blanks around it and
cut to `max_action_chars`, so that an episode never stalls on a message (the
environment answers as it answers any nonsense). An action is inadmissible if it
was read but is not in the environment's list.

Every function takes linear time: the text is searched for fixed strings only.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Literal

from ..types import Generation, Span, Style
from .plan import read_plan

MAX_ACTION_CHARS = 4096

Fault = Literal["", "no_action", "several_actions", "empty_action", "open_think", "too_long", "no_plan"]
Chars = tuple[int, int]  # [start, end) in the message

_THINK, _END_THINK = "<think>", "</think>"
_ACTION, _END_ACTION = "<action>", "</action>"


@dataclass(frozen=True, slots=True)
class Parsed:
    """What was read from one message.

    Args:
        action: the text for the environment; free of lone surrogates.
        fault: why the message is malformed; empty if it is not.
        action_chars: where the action stands in the message, if it was read.
        think_chars: where the think block stands, without its tags, if there is one.
        switch: whether a new subgoal was set; None where the style has none, or it cannot be read.
        subgoal: the new subgoal.
        switch_chars: where the decision to keep or to switch stands.
        subgoal_chars: where the subgoal stands.
    """

    action: str
    fault: Fault = ""
    action_chars: Chars | None = None
    think_chars: Chars | None = None
    switch: bool | None = None
    subgoal: str = ""
    switch_chars: Chars | None = None
    subgoal_chars: Chars | None = None

    @property
    def malformed(self) -> bool:
        """Tell whether no action could be read."""
        return self.fault != ""


def parse_action(text: str, style: Style = "tags", max_action_chars: int = MAX_ACTION_CHARS) -> Parsed:
    """Read the action out of a message; any text gets an answer.

    Args:
        text: the message, of any length and content.
        style: how the agent was asked to answer.
        max_action_chars: longer actions are malformed, and cut before they are sent.
    """
    text = text.encode("utf-8", "replace").decode("utf-8")  # a lone surrogate becomes one "?"
    if style == "plan":
        return _planned(text, max_action_chars)
    think, fault, chars = (None, *_whole(text)) if style == "plain" else _tagged(text)
    return _parsed(text, think, fault, chars, max_action_chars)


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


def _parsed(text: str, think: Chars | None, fault: Fault, chars: Chars | None, max_chars: int) -> Parsed:
    if chars is not None and chars[1] - chars[0] > max_chars:
        fault, chars = "too_long", None
    if chars is None:
        return Parsed(text.strip()[:max_chars], fault, None, think)
    return Parsed(text[chars[0] : chars[1]], "", chars, think)


def _planned(text: str, max_chars: int) -> Parsed:
    """Read the think block, the line of the plan and the action; without a plan nothing is read."""
    think, begin = None, len(text) - len(text.lstrip())
    if text.startswith(_THINK, begin):
        closed = text.find(_END_THINK, begin)
        if closed == -1:
            return _parsed(text, None, "open_think", None, max_chars)
        think, begin = (begin + len(_THINK), closed), closed + len(_END_THINK)
    plan = read_plan(text, begin)
    if plan is None:
        return _parsed(text, think, "no_plan", None, max_chars)
    parsed = _parsed(text, think, *_stripped(text, plan.end, len(text)), max_chars)
    if parsed.malformed:
        return parsed
    return replace(
        parsed,
        switch=plan.switch,
        subgoal=plan.subgoal,
        switch_chars=plan.switch_chars,
        subgoal_chars=plan.subgoal_chars,
    )


def _whole(text: str) -> tuple[Fault, Chars | None]:
    return _stripped(text, 0, len(text))


def _tagged(text: str) -> tuple[Chars | None, Fault, Chars | None]:
    think, begin = None, 0
    opened, first = text.find(_THINK), text.find(_ACTION)
    if opened != -1 and (first == -1 or opened < first):
        closed = text.find(_END_THINK, opened)
        if closed == -1:
            return None, "open_think", None
        think, begin = (opened + len(_THINK), closed), closed + len(_END_THINK)
    start, end = text.find(_ACTION, begin), text.find(_END_ACTION, begin)
    if start == -1 or end < start:
        return think, "no_action", None
    if text.find(_ACTION, start + 1) != -1 or text.find(_END_ACTION, end + 1) != -1:
        return think, "several_actions", None
    return think, *_stripped(text, start + len(_ACTION), end)


def _stripped(text: str, start: int, end: int) -> tuple[Fault, Chars | None]:
    """Leave out blanks at both ends of text[start:end]."""
    inner = text[start:end]
    start += len(inner) - len(inner.lstrip())
    end = start + len(inner.strip())
    return ("", (start, end)) if start < end else ("empty_action", None)
