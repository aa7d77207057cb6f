"""The messages of a plan-execute agent: keep the subgoal or set a new one, then act.

Hierarchical advantage estimation (HiPER, arXiv 2602.16165) gives credit to three
decisions of a turn: whether to switch, which subgoal, which action. A message of
style "plan" has a line for the plan and a line for the action:

    new: find mug                    keep
    go to shelf 1                    go to cabinet 2

The subgoal stays in force until the next `new`. What the authors' agent says in
tags and restates each turn is said once here, which a small policy can afford.
"""

from __future__ import annotations

from dataclasses import dataclass

KEEP, NEW = "keep", "new:"
_MAX_SUBGOAL_CHARS = 160

Chars = tuple[int, int]  # [start, end) in the message


@dataclass(frozen=True, slots=True)
class Plan:
    """The plan's part of a message.

    Args:
        switch: whether a new subgoal is set.
        subgoal: its text; empty where the old one is kept.
        switch_chars: where the decision stands.
        subgoal_chars: where the subgoal stands, with what leads to it and the end of
            its line: deciding that it ends is part of it.
        end: where the line of the action begins.
    """

    switch: bool
    subgoal: str
    switch_chars: Chars
    subgoal_chars: Chars | None
    end: int


def read_plan(text: str, begin: int = 0) -> Plan | None:
    """Read the line of the plan; None if there is none, or its subgoal is empty.

    Args:
        text: the message.
        begin: where to read from; blanks there are skipped.
    """
    start = begin + len(text[begin:]) - len(text[begin:].lstrip())
    line_end = text.find("\n", start)
    end = len(text) if line_end == -1 else line_end + 1
    line = text[start:end]
    if line.strip() == KEEP:
        return Plan(False, "", (start, end), None, end)
    subgoal = line[len(NEW) :].strip()
    if not line.startswith(NEW) or not subgoal:
        return None
    said = start + len(NEW) - 1  # the colon only leads to the subgoal
    return Plan(True, subgoal[:_MAX_SUBGOAL_CHARS], (start, said), (said, end), end)


def message_parts(switch: bool, subgoal: str, action: str) -> tuple[str, ...]:
    """Return a message as the parts that are made into tokens apart from each other.

    A policy under the constraint `admissible` says the same parts (decoding.planning).
    """
    return (NEW, f" {subgoal}", "\n", action) if switch else (f"{KEEP}\n", action)


def one_line(text: str) -> str:
    """Return a text as a subgoal can hold it: on one line, and not too long."""
    return " ".join(text.split())[:_MAX_SUBGOAL_CHARS].rstrip()
