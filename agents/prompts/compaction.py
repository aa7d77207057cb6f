"""What stays of a conversation whose early turns are left out: a count of them, or the agent's own summary.

A summary is no message of its own. The prompt before turns are left out asks for it, and the agent
writes it between <summary> tags in front of its next action: so it is sampled, learned from and
billed with a turn of the environment, and gets that turn's credit. Training a policy together with
the summaries that it goes on from is the idea of SUPO (arXiv 2510.06727), whose summaries are turns
between those of the environment.

A message without a summary is an answer like any other; what was noted before then stays.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ...envs.thoughts import Chars, find_thoughts
from ..types import Message

_OPEN, _CLOSE = "<summary>", "</summary>"


def asking(messages: Sequence[Message], kept: int) -> tuple[Message, ...]:
    """Return an answer to the agent that also asks for a summary, in the user's words.

    Args:
        messages: the answer.
        kept: how many turns stay, the one that the agent is about to take among them.
    """
    *before, last = messages
    if last.role == "tool":  # what a tool says is no place to ask for anything
        return (*messages, Message("user", asked(kept)))
    return (*before, replace(last, content=f"{last.content}\n\n{asked(kept)}"))


def asked(kept: int) -> str:
    """Return the words that ask for a summary; `kept` as above."""
    past = {1: "", 2: " and the last turn"}.get(kept, f" and the last {kept - 1} turns")
    return (
        f"What was said so far is about to be left out of what you are shown, but for the task{past}. "
        f"This once, write between {_OPEN} and {_CLOSE}, in a few sentences, what you will need of it: what "
        "you know, what is done, what is next. It replaces your last summary. It stands behind your "
        "reasoning and in front of your answer."
    )


def in_summary(text: str) -> str:
    """Return a summary as a message says it."""
    return f"{_OPEN}{text}{_CLOSE}"


def find_summary(text: str, opened: bool | None = None) -> tuple[Chars, str] | None:
    """Find the summary with which a message begins behind its thoughts, in linear time.

    One that stands further behind may be part of an action (a file in HTML), and is left there.

    Args:
        text: the message, of any length and content.
        opened: whether the prompt ended inside a thought; None if that is not known.

    Returns:
        where it stands with its tags, and what it says, without blanks around it.
    """
    for start, end in find_thoughts(text, opened).outside:
        piece = text[start:end]
        if not piece.strip():
            continue
        start += len(piece) - len(piece.lstrip())
        close = text.find(_CLOSE, start) if text.startswith(_OPEN, start) else -1
        if close < 0:
            return None
        return (start, close + len(_CLOSE)), text[start + len(_OPEN) : close].strip()
    return None


def blanked(text: str, opened: bool | None = None) -> str:
    """Return a message with blanks in place of its summary: what is read from it stands where it stood."""
    found = find_summary(text, opened)
    if not found:
        return text
    (start, end), _ = found
    return f"{text[:start]}{' ' * (end - start)}{text[end:]}"


def with_gap(opening: Sequence[Message], left_out: int, summary: str) -> tuple[Message, ...]:
    """Return how a conversation began, and what is missing after it.

    Args:
        opening: its first messages.
        left_out: how many turns are missing.
        summary: what the agent noted of them; may be empty.
    """
    *before, last = opening
    if not left_out:
        return tuple(opening)
    noted = f" Your summary of what was said:]\n{summary}" if summary else "]"
    gap = f"[{left_out} turn{' is' if left_out == 1 else 's are'} left out here.{noted}"
    return (*before, replace(last, content=f"{last.content}\n\n{gap}"))
