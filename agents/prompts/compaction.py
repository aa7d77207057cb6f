"""What stays of a conversation whose early turns are left out: a count of them, or the agent's own summary.

A summary is no message of its own. The prompt before turns are left out asks for it, and the agent
writes it between <summary> tags in front of its next action: so it is sampled, learned from and
billed with a turn of the environment, and gets that turn's credit. Training a policy together with
the summaries that it goes on from is the idea of SUPO (arXiv 2510.06727), whose summaries are turns
between those of the environment.

A message without a summary is an answer like any other; what was noted before then stays.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from ...envs.thoughts import Chars, find_thoughts
from ..types import Message

ASKED = (
    "What was said so far is about to be left out of what you are shown. In front of your next action, write "
    "between <summary> and </summary> what you will need of it: what you know, what is done, what is next."
)
_SUMMARY = re.compile(r"<summary>(.*?)</summary>", re.DOTALL)


def asking(messages: Sequence[Message]) -> tuple[Message, ...]:
    """Return an answer to the agent that also asks for a summary."""
    *before, last = messages
    return (*before, replace(last, content=f"{last.content}\n\n{ASKED}"))


def in_summary(text: str) -> str:
    """Return a summary as a message says it."""
    return f"<summary>{text}</summary>"


def find_summary(text: str, opened: bool | None = None) -> tuple[Chars, str] | None:
    """Find the first summary of a message, outside its thoughts.

    Args:
        text: the message, of any length and content.
        opened: whether the prompt ended inside a thought; None if that is not known.

    Returns:
        where it stands with its tags, and what it says, without blanks around it.
    """
    for start, end in find_thoughts(text, opened).outside:
        found = _SUMMARY.search(text, start, end)
        if found:
            return found.span(), found[1].strip()
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
