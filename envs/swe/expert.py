"""The next action of one who knows the right patch, from wherever the tree stands.

A patch is made edit by edit, each as small as it can be while its old text stands in the file once;
then the tests are run, then it is submitted. Where only commands are known, they are one call of bash.
"""

from __future__ import annotations

import base64
import difflib
import shlex

from ..sandbox import Sandbox
from .task import Patch
from .tools.calls import Call, write_call
from .tools.catalogue import TOOLS
from .tools.workbench import MAX_FILE_BYTES

_READ_BYTES = 1 << 26


async def expert_action(box: Sandbox, gold: Patch | str, commands: list[str], tests_are_known: bool) -> str:
    """Return the next action.

    Args:
        box: with the tree as it is.
        gold: the right patch, or the commands that solve the task.
        commands: those that were run so far.
        tests_are_known: whether the tests were run since the last change.
    """
    call = await _next_change(box, gold, commands)
    if call is None:
        call = Call("submit" if tests_are_known else "run_tests", {})
    return write_call(call)


async def _next_change(box: Sandbox, gold: Patch | str, commands: list[str]) -> Call | None:
    if isinstance(gold, str):
        return None if gold in commands else _call("bash", command=gold)
    for path, wanted in sorted(gold.items()):
        try:
            present = await box.read(path, _READ_BYTES)
        except FileNotFoundError:
            present = None
        if present != wanted:
            return change_of(path, present, wanted)
    return None


def change_of(path: str, present: bytes | None, wanted: bytes | None) -> Call:
    """Return a call that brings a file nearer to what is wanted."""
    if wanted is None:
        return _call("bash", command=f"rm -- {shlex.quote(path)}")
    new = _text(wanted)
    old = None if present is None else _text(present)
    if new is not None and present is None:
        return _call("create", path=path, content=new)
    if new is not None and old:
        return _call("edit", path=path, **first_edit(old, new))
    return _call("bash", command=_whole(path, wanted))


def first_edit(old: str, new: str) -> dict[str, str]:
    """Return the first difference of two texts as an old text that occurs once, and the new one.

    Lines around the difference are added until the old text occurs once.
    """
    before, after = old.splitlines(keepends=True), new.splitlines(keepends=True)
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    _, start, end, new_start, new_end = next(each for each in matcher.get_opcodes() if each[0] != "equal")
    for margin in range(len(before) + 1):
        first, last = max(0, start - margin), min(len(before), end + margin)
        piece = "".join(before[first:last])
        if piece and old.count(piece) == 1:
            middle = after[new_start:new_end]
            return {"old": piece, "new": "".join([*before[first:start], *middle, *before[end:last]])}
    return {"old": old, "new": new}


def _whole(path: str, content: bytes) -> str:
    """Return a command that writes any bytes."""
    folder = shlex.quote(path.rpartition("/")[0] or ".")
    coded = base64.b64encode(content).decode()
    return f"mkdir -p {folder}; base64 -d > {shlex.quote(path)} <<'END'\n{coded}\nEND"


def _text(content: bytes) -> str | None:
    """Return bytes as a text that tools can write; None if they cannot."""
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return None
    return text if "\0" not in text and len(content) <= MAX_FILE_BYTES else None


def _call(name: str, **arguments: str) -> Call:
    return Call(name, TOOLS[name].checked(arguments))
