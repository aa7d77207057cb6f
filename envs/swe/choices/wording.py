"""What the agent reads, in few words, and how its actions are read."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from .mutations import Function, lines_of

USAGE = "Nothing happens. Write: open FILE, show FUNCTION, run tests, apply NUMBER, undo, or submit."
INSTRUCTION = "Find the edit that resolves the issue, apply it, and submit."
_ACTION = re.compile(r"(open|show|apply) (\S+)|(run tests|undo|submit)")
_NAMED_TESTS = 3
_SHOWN_CHARS = 60


class Action(NamedTuple):
    """An action in its parts."""

    verb: str
    what: str = ""


def read_action(text: str) -> Action | None:
    """Return the action that a text says, or None."""
    match = _ACTION.fullmatch(text.strip())
    return Action(match[1] or match[3], match[2] or "") if match else None


def objection(
    action: Action | None, num_edits: int, is_in: int | None, places: Mapping[str, Collection[str]]
) -> str:
    """Say why an action does nothing.

    Args:
        action: what was read; None for what is no action.
        num_edits: how many edits are offered.
        is_in: the number of the one that is in.
        places: verb -> the names that it takes.
    """
    if action is None:
        return USAGE
    verb, what = action.verb, cut(action.what, _SHOWN_CHARS)
    if verb in places:
        return f"Nothing happens: no edit changes {what}. Write: {verb} {' or '.join(sorted(places[verb]))}."
    if verb == "undo":
        return "Nothing happens: no edit is in."
    if action.what not in map(str, range(1, num_edits + 1)):
        return f"Nothing happens: there is no edit {what}, only 1 to {num_edits}."
    return f"Nothing happens: edit {is_in} is in. Write: undo."


def opening(title: str, issue: str, edits: Sequence[str], issue_chars: int) -> str:
    """Return the first observation: the issue and the edits to choose from."""
    told = cut(" ".join(issue.split()), issue_chars)
    listed = "\n".join(f"Edit {number}: {shown}" for number, shown in enumerate(edits, start=1))
    return f"Issue: {title}. {told}".rstrip() + f"\n{listed}"


def outline(path: str, source: str, functions: Iterable[Function], chars: int) -> str:
    """Return what a file holds: its length and the names of its functions."""
    names = ", ".join(each.name for each in functions) or "no functions"
    return cut(f"{path}, {len(lines_of(source))} lines: {names}", chars)


def body(source: str, function: Function, chars: int) -> str:
    """Return the lines of a function."""
    return cut("".join(lines_of(source)[function.first - 1 : function.last]).rstrip(), chars)


def tests(passed: frozenset[str], failed: frozenset[str]) -> str:
    """Return what a run of the tests said; the names of a few that failed."""
    if not passed and not failed:
        return "Tests: no result."
    if not failed:
        return f"Tests: all {len(passed)} pass."
    names = [name.rpartition("::")[2] for name in sorted(failed)]
    more = ", ..." if len(names) > _NAMED_TESTS else ""
    return f"Tests: {len(failed)} of {len(passed | failed)} fail: {', '.join(names[:_NAMED_TESTS])}{more}"


def known(results: Mapping[str, int]) -> str:
    """Return what is known of the tests, for the key of a state: tree -> tests that fail."""
    return ", ".join(f"{tree}={failing}" for tree, failing in sorted(results.items()))


def cut(text: str, chars: int) -> str:
    """Return the beginning of a text."""
    return text if len(text) <= chars else text[:chars].rstrip() + "..."
