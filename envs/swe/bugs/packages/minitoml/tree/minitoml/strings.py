"""Strings of all four kinds."""

import re

ESCAPES = {
    "b": "\b",
    "t": "\t",
    "n": "\n",
    "f": "\f",
    "r": "\r",
    '"': '"',
    "\\": "\\",
}
_HEX = {"u": re.compile("[0-9a-fA-F]{4}"), "U": re.compile("[0-9a-fA-F]{8}")}
_FOLD = re.compile(r"[ \t]*\r?\n[ \t\r\n]*")


def read_string(cursor):
    """Read a string; its first quotation mark comes next."""
    start = cursor.position
    quote = cursor.peek()
    if cursor.skip(quote * 3):
        cursor.skip_newline()
        return _read_long(cursor, quote, start)
    cursor.take()
    parts = []
    while not cursor.skip(quote):
        if cursor.at_end() or cursor.peek() == "\n":
            raise cursor.error("a string without an end", start)
        parts.append(_read_char(cursor, quote))
    return "".join(parts)


def _read_long(cursor, quote, start):
    parts = []
    while not cursor.skip(quote * 3):
        if cursor.at_end():
            raise cursor.error("a string without an end", start)
        if quote == '"' and cursor.peek() == "\\" and _folded(cursor):
            continue
        if cursor.skip_newline():
            parts.append("\n")
        else:
            parts.append(_read_char(cursor, quote))
    for _ in range(2):
        if cursor.skip(quote):
            parts.append(quote)
    return "".join(parts)


def _folded(cursor):
    """Move behind a backslash at the end of a line and all white space after it; tell whether it was one."""
    match = _FOLD.match(cursor.text, cursor.position + 1)
    if match is None:
        return False
    cursor.position = match.end()
    return True


def _read_char(cursor, quote):
    char = cursor.peek()
    if char != "\t" and (char < " " or char == "\x7f"):
        raise cursor.error("a control character in a string")
    cursor.take()
    if quote == '"' and char == "\\":
        return _read_escape(cursor)
    return char


def _read_escape(cursor):
    start = cursor.position - 1
    char = cursor.take()
    if char in _HEX:
        match = cursor.match(_HEX[char])
        number = int(match.group(), 16) if match else 0x110000
        if number > 0x10FFFF or 0xD800 <= number < 0xE000:
            raise cursor.error("an escape that is no character", start)
        return chr(number)
    if char not in ESCAPES:
        raise cursor.error(f"an unknown escape \\{char}", start)
    return ESCAPES[char]
