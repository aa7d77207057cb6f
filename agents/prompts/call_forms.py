"""The forms in which models write calls of functions, found in a text.

    <tool_call>{"name": ..., "arguments": {...}}</tool_call>              Hermes, Qwen 2.5 and 3
    <tool_call><function=NAME><parameter=KEY>value</parameter></function></tool_call>  Qwen3-Coder
    {"name": ..., "parameters": {...}}; {...}                            Llama 3, the whole message
    [TOOL_CALLS][{"name": ..., "arguments": {...}}, ...]                 Mistral
    [TOOL_CALLS]NAME[ARGS]{...}                                          Mistral since its tokenizer v11

They are those of the models' own chat templates. A special token before a call ([TOOL_CALLS],
<|python_tag|>) may be missing, since decoders leave special tokens out; what follows must then be the
whole message. Qwen3-Coder may leave out the outer tag. A call that cannot be read whole stands in
the result with its problem, so that the model can be told.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

from ...envs.thoughts import find_thoughts
from ...envs.tools import Tool
from .call_values import ToolCall, Unread, call_of, json_at, typed

MAX_READ = 64
"""Calls that are read of one message; what comes after them is not."""
_MAX_SHOWN_CHARS = 60
_LISTED, _TAGGED, _CLOSED, _FUNCTION = "[TOOL_CALLS]", "<tool_call>", "</tool_call>", "<function="
_PYTHON = "<|python_tag|>"
_MARK = re.compile("|".join(map(re.escape, (_LISTED, _TAGGED, _FUNCTION))))
_OPENING = re.compile(r"<function=([^<>\n]{1,200})>")
_PARAMETER = re.compile(r"\s*<parameter=([^<>\n]{1,200})>\n?")
_END_OF_VALUE, _BEHIND_VALUE = "</parameter>", re.compile(r"\s*(?:<parameter=|</function>)")
_END_OF_FUNCTION = re.compile(r"\s*</function>")
_END_OF_CALL = re.compile(r"\s*</tool_call>")
_NAMED = re.compile(r"([\w.-]{1,200})\s*(?:\[CALL_ID\]\s*([\w-]{0,200})\s*)?(?:\[ARGS\])?\s*")
_BLANKS, _BETWEEN = re.compile(r"\s*"), re.compile(r"[\s;,]*")


def calls_in(text: str, opened: bool | None = None, tools: Sequence[Tool] = ()) -> tuple[ToolCall, ...]:
    """Return the calls of a message in their order, at most `MAX_READ`; none stands in a thought.

    Args:
        text: the message.
        opened: whether it began inside a thought; None if that is not known.
        tools: the functions; they say of which type the values of Qwen3-Coder's form are.
    """
    pieces = find_thoughts(text, opened).outside
    said = [piece for piece in pieces if text[slice(*piece)].strip()]
    wholes = [] if opened else [(0, len(text))]  # JSON that is a call may speak of thoughts
    for start, end in wholes + (said if len(said) == 1 else []):
        if found := _Piece(text[:end], tools).unmarked(start):
            return tuple(found)
    marked = (call for start, end in pieces for call in _Piece(text[:end], tools).marked(start))
    return tuple(islice(marked, MAX_READ))


class _Piece:
    """A part of a message, to the end of `text`, in which calls are looked for.

    Methods that read take a place in the text and return what they read and the place behind it.
    """

    def __init__(self, text: str, tools: Sequence[Tool]) -> None:
        self._text, self._tools = text, tools

    def marked(self, place: int) -> list[ToolCall]:
        """Return the calls that a mark goes before, from a place on."""
        found: list[ToolCall] = []
        while len(found) < MAX_READ and (mark := _MARK.search(self._text, place)):
            start = mark.start()
            try:
                bodies, place = self._list(mark.end()) if mark[0] == _LISTED else self._tagged(mark)
                found += self._made(bodies, start, place)
            except Unread as unread:
                place = self._end_of_broken(mark)
                found.append(
                    ToolCall("", problem=str(unread), text=self._text[start:place], chars=(start, place))
                )
        return found

    def unmarked(self, place: int) -> list[ToolCall]:
        """Return the calls that make up all the rest; nothing if anything else is in it."""
        start = place = self._behind(_BLANKS, place)
        if self._text.startswith(_PYTHON, place):
            place = self._behind(_BLANKS, place + len(_PYTHON))
        names = frozenset(str(tool["name"]) for tool in self._tools)
        found: list[ToolCall] = []
        try:
            while place < len(self._text):
                bodies, place = self._bare(place, names)
                if not all(_looks_like_a_call(body, names) for body in bodies):
                    return []
                place = self._behind(_BETWEEN, place)
                found += self._made(bodies, start, place)
                start = place
        except Unread:
            return []
        return found[:MAX_READ]

    def _made(self, bodies: Sequence[Any], start: int, end: int) -> list[ToolCall]:
        """Return calls that stand in one place; the first has all of it."""
        if not bodies:
            raise Unread("it is an empty list")
        text, places = self._text[start:end], [(start, end), *[(end, end)] * (len(bodies) - 1)]
        return [call_of(body, text=text, chars=chars) for body, chars in zip(bodies, places, strict=True)]

    def _tagged(self, mark: re.Match[str]) -> tuple[list[Any], int]:
        """Read a call in tags."""
        outer = mark[0] == _TAGGED
        start = self._behind(_BLANKS, mark.end()) if outer else mark.start()
        is_coder = self._text.startswith(_FUNCTION, start)
        body, place = self._function(start) if is_coder else json_at(self._text, start)
        closing = _END_OF_CALL.match(self._text, place)
        if outer and closing is None:
            rest = self._text[place:].strip()
            raise Unread(f"{rest[:_MAX_SHOWN_CHARS]!r} follows it" if rest else "it has no end")
        return [body], closing.end() if closing else place

    def _function(self, place: int) -> tuple[dict[str, Any], int]:
        """Read Qwen3-Coder's form from <function= to </function>."""
        opening = _OPENING.match(self._text, place)
        if opening is None:
            raise Unread("the name of its function is missing")
        name, place = opening[1].strip(), opening.end()
        arguments = dict[str, Any]()
        while given := _PARAMETER.match(self._text, place):
            key, start = given[1].strip(), given.end()
            if key in arguments:
                raise Unread(f"the parameter {key[:_MAX_SHOWN_CHARS]!r} is given twice")
            end = self._end_of_value(start)
            value = self._text[start:end].removesuffix("\n")
            arguments[key] = typed(value, self._schema(name, key))
            place = end + len(_END_OF_VALUE)
        closing = _END_OF_FUNCTION.match(self._text, place)
        if closing is None:
            raise Unread("the function has no end")
        return {"name": name, "arguments": arguments}, closing.end()

    def _end_of_value(self, place: int) -> int:
        """Return where the value of a parameter ends: at a closing tag that more of the form follows."""
        while (end := self._text.find(_END_OF_VALUE, place)) >= 0:
            place = end + len(_END_OF_VALUE)
            if _BEHIND_VALUE.match(self._text, place):
                return end
        raise Unread("a parameter has no end")

    def _list(self, place: int) -> tuple[list[Any], int]:
        """Read what stands behind [TOOL_CALLS]."""
        place = self._behind(_BLANKS, place)
        if not self._text.startswith("[", place):
            body, place = self._named(place)
            return [body], place
        bodies: list[Any]
        bodies, place = json_at(self._text, place)
        return bodies, place

    def _named(self, place: int) -> tuple[dict[str, Any], int]:
        """Read NAME[ARGS]{...}."""
        name = _NAMED.match(self._text, place)
        if name is None:
            raise Unread("the name of its function is missing")
        arguments, place = json_at(self._text, name.end())
        return {"name": name[1], "arguments": arguments, "id": name[2] or ""}, place

    def _bare(self, place: int, names: frozenset[str]) -> tuple[list[Any], int]:
        """Read an object, a list of them, or the name of a function and its arguments."""
        if self._text.startswith(_LISTED, place):
            return self._list(place + len(_LISTED))
        if self._text[place] in "{[":
            body, place = json_at(self._text, place)
            return (body if isinstance(body, list) else [body]), place
        named, place = self._named(place)
        return [named if named["name"] in names else None], place

    def _end_of_broken(self, mark: re.Match[str]) -> int:
        """Return where a call that cannot be read ends: with its tag, before the next mark, or with all."""
        closing, kept = (_LISTED, 0) if mark[0] == _LISTED else (_CLOSED, len(_CLOSED))
        end = self._text.find(closing, mark.end())
        return len(self._text) if end < 0 else end + kept

    def _schema(self, name: str, key: str) -> Any:
        """Return the schema of a parameter; None if it is not known."""
        tool = next((each for each in self._tools if each["name"] == name), {})
        parameters = tool.get("parameters")
        properties = parameters.get("properties") if isinstance(parameters, Mapping) else None
        return properties.get(key) if isinstance(properties, Mapping) else None

    def _behind(self, pattern: re.Pattern[str], place: int) -> int:
        """Return the place behind what a pattern, which may match nothing, matches."""
        found = pattern.match(self._text, place)
        return found.end() if found else place


def _looks_like_a_call(body: Any, names: frozenset[str]) -> bool:
    """Tell whether JSON without a mark is a call: data may have a name, too."""
    if not isinstance(body, Mapping) or not isinstance(body.get("name"), str):
        return False
    return "arguments" in body or "parameters" in body or body["name"] in names
