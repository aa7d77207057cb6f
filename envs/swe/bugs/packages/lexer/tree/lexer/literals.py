"""Literals: numbers and quoted strings, from text to value and back."""

from __future__ import annotations

import re

_NUMBER = re.compile(
    r"""(?P<based>0[xX](?:_?[0-9a-fA-F])+|0[oO](?:_?[0-7])+|0[bB](?:_?[01])+)
    |(?P<whole>0|[1-9](?:_?[0-9])*)
    |(?P<real>[0-9](?:_?[0-9])*(?:\.[0-9](?:_?[0-9])*(?:[eE][+-]?[0-9]+)?|[eE][+-]?[0-9]+))""",
    re.VERBOSE,
)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "0": "\0", "\\": "\\", '"': '"', "'": "'"}
_NAMES = {value: name for name, value in _ESCAPES.items() if name not in "\"'"}
_CODED = re.compile(r"x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|u\{([0-9a-fA-F]{1,6})\}")


def number(text: str) -> int | float:
    """Return the value of a number: 12, 1_000, 0xff, 0o17, 0b101, 1.5, 2e-3.

    Raises:
        ValueError: for anything else, leading zeros, doubled or trailing underscores.
    """
    found = _NUMBER.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is not a number")
    if found["real"]:
        return float(text)
    return int(text, 0) if found["based"] else int(text)


def unquote(text: str) -> str:
    r"""Return the value of a quoted string: escapes \n \t \r \0 \\ \" \', \xHH, \uHHHH, \u{H...}.

    Raises:
        ValueError: if the quotes do not match, a quote stands inside, or an escape is unknown.
    """
    if len(text) < 2 or text[0] not in "\"'" or text[-1] != text[0]:
        raise ValueError(f"{text!r} is not in quotes")
    inner, parts, place = text[1:-1], [], 0
    while place < len(inner):
        char = inner[place]
        if char == text[0]:
            raise ValueError(f"a quote within {text!r}")
        if char == "\\":
            value, place = _escape(inner, place + 1)
            parts.append(value)
        else:
            parts.append(char)
            place += 1
    return "".join(parts)


def _escape(inner: str, place: int) -> tuple[str, int]:
    """Return what the escape after a backslash stands for, and the place after it."""
    coded = _CODED.match(inner, place)
    if coded:
        code = int(coded[1] or coded[2] or coded[3], 16)
        if code > 0x10FFFF or 0xD800 <= code <= 0xDFFF:
            raise ValueError(f"no character has the code {code:#x}")
        return chr(code), coded.end()
    name = inner[place : place + 1]
    if name not in _ESCAPES:
        raise ValueError(f"unknown escape \\{name}")
    return _ESCAPES[name], place + 1


def quote(text: str, mark: str = '"') -> str:
    """Return a text in quotes, so that `unquote` gives it back; what is not printable becomes an escape."""
    parts = []
    for char in text:
        if char in _NAMES or char == mark:
            parts.append("\\" + _NAMES.get(char, char))
        elif char.isprintable():
            parts.append(char)
        else:
            parts.append(f"\\u{{{ord(char):x}}}")
    return mark + "".join(parts) + mark
