"""How a call is read from a message, its thoughts apart, and how one is written.

Four forms, tried in this order; the first that is there decides:
    <tool_call>{"name": ..., "arguments": {...}}</tool_call>   exact for any text
    {"name": ..., "arguments": {...}}                          the same, bare
    ```bash                                                    one block of bash, prose around it
    view src/cache.py 1 40                                     the name and what belongs to it

The last is the simplest: a message is a command, whose first line names the tool. `bash` takes all
that follows, `create` the lines after the first, `edit` two blocks of lines between marks.
Nothing is guessed: what cannot be read whole is not done, and why is said.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ....errors import UnknownName, UsageError
from ...thoughts import without_thoughts
from .catalogue import TOOLS

_TAGGED = re.compile(r"<tool_call>(.*?)</tool_call>", re.DOTALL)
_FENCED = re.compile(r"^```(?:bash|sh|shell)[ \t]*\n(.*?)^```[ \t]*$", re.DOTALL | re.MULTILINE)
_OPEN, _BETWEEN, _CLOSE = "<<<<<<< SEARCH", "=======", ">>>>>>> REPLACE"
_RANGE = re.compile(r"(\d{1,9})(?:[-:,](\d{1,9}))?")


class Unread(Exception):
    """Why no call was read from a message; agents read the text."""


@dataclass(frozen=True, slots=True)
class Call:
    """One use of a tool, its arguments complete."""

    name: str
    arguments: Mapping[str, Any]


def read_call(message: str) -> Call:
    """Read the one call of a message.

    Raises:
        Unread: saying what is wrong with it.
    """
    text = without_thoughts(message).strip()
    if not text:
        raise Unread(f"there is no call; write one of {', '.join(TOOLS)}")
    try:
        if "<tool_call>" in text:
            return _tagged(text)
        if text.startswith("{"):
            return _from_json(text)
        fenced = _FENCED.findall(text)
        name, *_ = text.split(maxsplit=1)
        if fenced and name not in ("bash", "create", "edit"):
            if len(fenced) > 1:
                raise Unread(f"there are {len(fenced)} blocks of bash; write one call a turn")
            return _call("bash", {"command": fenced[0]})
        return _line(name, text)
    except UsageError as error:
        raise Unread(str(error)) from error


def write_call(call: Call) -> str:
    """Write a call: as a command where that is read back as the same call, else as tagged JSON."""
    try:
        text = _WRITERS[call.name](call.arguments)
        if read_call(text) == call:
            return text
    except Unread:
        pass
    return f"<tool_call>{json.dumps({'name': call.name, 'arguments': dict(call.arguments)})}</tool_call>"


def _call(name: object, arguments: Mapping[str, Any]) -> Call:
    if not isinstance(name, str):
        raise Unread('the call has no name; expected {"name": ..., "arguments": {...}}')
    if name not in TOOLS:
        raise UnknownName("tool", name[:60], TOOLS, listed=f"call one of {', '.join(TOOLS)}")
    return Call(name, TOOLS[name].checked(arguments))


def _tagged(text: str) -> Call:
    found = _TAGGED.findall(text)
    if not found:
        raise Unread("the call ends before </tool_call>; make it shorter")
    if len(found) > 1:
        raise Unread(f"there are {len(found)} calls; write one a turn")
    return _from_json(found[0])


def _from_json(text: str) -> Call:
    try:
        body = json.loads(text)
        if isinstance(body, dict) and isinstance(body.get("arguments"), str):
            body["arguments"] = json.loads(body["arguments"])
    except (ValueError, RecursionError) as error:
        raise Unread(f"the call is not JSON: {error}"[:300]) from error
    if not isinstance(body, dict) or not isinstance(body.get("arguments", {}), dict):
        raise Unread('the call is no object; expected {"name": ..., "arguments": {...}}')
    return _call(body.get("name"), body.get("arguments", {}))


def _line(name: str, text: str) -> Call:
    if name not in TOOLS:
        raise UnknownName("tool", name[:60], TOOLS, listed=f"write one of {', '.join(TOOLS)}")
    head, _, body = text.partition("\n")
    if name == "bash":
        return _call("bash", {"command": _unfenced(text[len("bash") :].strip())})
    words = _words(head)[1:]
    if name in ("edit", "create"):
        if len(words) != 1:
            raise Unread(f"the first line of {name} is: {name} PATH")
        more = _blocks(body) if name == "edit" else {"content": _unfenced(body) + "\n"}
        return _call(name, {"path": words[0], **more})
    if body.strip():
        raise Unread(f"{name} takes one line; write one call a turn")
    return _call(name, _READERS[name](words))


def _words(line: str) -> list[str]:
    try:
        return shlex.split(line)
    except ValueError as error:
        raise Unread(f"the line cannot be split into words: {error}") from error


def _view(words: list[str]) -> dict[str, Any]:
    if not 1 <= len(words) <= 3:
        raise Unread("view takes a path and, if you like, the first and last line")
    arguments: dict[str, Any] = {"path": words[0]}
    found = _RANGE.fullmatch("-".join(words[1:])) if words[1:] else None
    if words[1:] and found is None:
        raise Unread(f"view: the lines must be two numbers, got {' '.join(words[1:])[:60]!r}")
    if found:
        arguments["first"] = int(found[1])
        arguments |= {"last": int(found[2])} if found[2] else {}
    return arguments


def _search(words: list[str]) -> dict[str, Any]:
    regex = "--regex" in words
    left = [word for word in words if word != "--regex"]
    if not 1 <= len(left) <= 2:
        raise Unread('search takes a text and, if you like, a path; quote blanks: search "a b" src')
    return {"pattern": left[0], "regex": regex, **({"path": left[1]} if left[1:] else {})}


def _nothing(words: list[str]) -> dict[str, Any]:
    if words:
        raise Unread("this tool takes no arguments")
    return {}


_READERS: Mapping[str, Callable[[list[str]], dict[str, Any]]] = {
    "view": _view,
    "search": _search,
    "run_tests": _nothing,
    "undo": _nothing,
    "submit": _nothing,
}


def _blocks(body: str) -> dict[str, str]:
    """Read the old and the new lines of an edit; the marks stand alone on their lines."""
    lines = body.split("\n")
    places = [
        [at for at, line in enumerate(lines) if line.rstrip() == mark] for mark in (_OPEN, _BETWEEN, _CLOSE)
    ]
    if [len(found) for found in places] != [1, 1, 1] or not places[0][0] < places[1][0] < places[2][0]:
        raise Unread(f"edit needs the lines {_OPEN}, {_BETWEEN} and {_CLOSE}, each once and in this order")
    (start,), (middle,), (end,) = places
    if any(line.strip() for line in [*lines[:start], *lines[end + 1 :]]):
        raise Unread(f"edit: nothing may stand before {_OPEN} or after {_CLOSE}; write one call a turn")
    return {"old": "\n".join(lines[start + 1 : middle]), "new": "\n".join(lines[middle + 1 : end])}


def _unfenced(body: str) -> str:
    """Take off a fence that stands round all of a body."""
    lines = body.split("\n")
    fenced = len(lines) > 1 and lines[0].startswith("```") and lines[-1].rstrip() == "```"
    return "\n".join(lines[1:-1] if fenced else lines)


def _write_view(arguments: Mapping[str, Any]) -> str:
    lines = f" {arguments['first']} {arguments['last']}" if arguments["last"] else ""
    return f"view {shlex.quote(arguments['path'])}{lines}"


def _write_search(arguments: Mapping[str, Any]) -> str:
    words = [arguments["pattern"], *(["--regex"] if arguments["regex"] else []), arguments["path"]]
    return f"search {shlex.join(words)}"


_WRITERS: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "bash": lambda given: f"bash {given['command']}",
    "view": _write_view,
    "search": _write_search,
    "edit": lambda given: (
        f"edit {shlex.quote(given['path'])}\n{_OPEN}\n{given['old']}\n{_BETWEEN}\n{given['new']}\n{_CLOSE}"
    ),
    "create": lambda given: f"create {shlex.quote(given['path'])}\n{given['content'].removesuffix(chr(10))}",
    "run_tests": lambda _: "run_tests",
    "undo": lambda _: "undo",
    "submit": lambda _: "submit",
}
