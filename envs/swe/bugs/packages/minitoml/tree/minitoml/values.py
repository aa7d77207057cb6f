"""Values: numbers, dates, arrays and inline tables; strings are read by `strings`."""

import re
from datetime import date, datetime, time, timedelta, timezone

from .strings import read_string

_DATE = re.compile(r"(\d{4})-(\d\d)-(\d\d)")
_TIME = re.compile(r"(\d\d):(\d\d):(\d\d)(?:\.(\d+))?")
_OFFSET = re.compile(r"([+-])(\d\d):(\d\d)")
_PREFIXED = re.compile(r"0x[0-9a-fA-F](?:_?[0-9a-fA-F])*|0o[0-7](?:_?[0-7])*|0b[01](?:_?[01])*")
_NUMBER = re.compile(r"[+-]?(?:inf|nan|(?:0|[1-9](?:_?\d)*)(\.\d(?:_?\d)*)?([eE][+-]?\d(?:_?\d)*)?)")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_BEHIND = re.compile(r"[A-Za-z0-9_+.:-]")
_MAX_DEPTH = 100


def read_value(cursor, depth=0):
    """Read a value of any kind."""
    if depth > _MAX_DEPTH:
        raise cursor.error(f"nested more than {_MAX_DEPTH} deep")
    char = cursor.peek()
    if char in ('"', "'") and char:
        return read_string(cursor)
    if char == "[":
        return _read_array(cursor, depth)
    if char == "{":
        return _read_inline(cursor, depth)
    start = cursor.position
    value = _read_plain(cursor)
    if value is None or _BEHIND.match(cursor.peek()):
        raise cursor.error("expected a value", start)
    return value


def _read_plain(cursor):
    for text, value in (("true", True), ("false", False)):
        if cursor.skip(text):
            return value
    moment = _read_moment(cursor)
    if moment is not None:
        return moment
    match = cursor.match(_PREFIXED)
    if match:
        return int(match.group().replace("_", ""), 0)
    match = cursor.match(_NUMBER)
    if match is None:
        return None
    text = match.group().replace("_", "")
    is_float = match.group(1) or match.group(2) or text.endswith(("inf", "nan"))
    return float(text) if is_float else int(text)


def _read_moment(cursor):
    """Read a date, a time or both; None if there is neither."""
    start = cursor.position
    day = cursor.match(_DATE)
    if day is None:
        clock = cursor.match(_TIME)
        return None if clock is None else _made(cursor, start, lambda: time(*_clock(clock)))
    if cursor.peek() in ("T", "t", " ") and _TIME.match(cursor.text, cursor.position + 1):
        cursor.take()
        clock = cursor.match(_TIME)
        zone = _read_offset(cursor)
        return _made(cursor, start, lambda: datetime(*map(int, day.groups()), *_clock(clock), tzinfo=zone))
    return _made(cursor, start, lambda: date(*map(int, day.groups())))


def _clock(match):
    hour, minute, second, fraction = match.groups()
    return int(hour), int(minute), int(second), int((fraction or "0")[:6].ljust(6, "0"))


def _read_offset(cursor):
    if cursor.skip("Z") or cursor.skip("z"):
        return timezone.utc
    start = cursor.position
    match = cursor.match(_OFFSET)
    if match is None:
        return None
    sign, hours, minutes = match.groups()
    if int(hours) > 23 or int(minutes) > 59:
        raise cursor.error("an offset that is too large", start)
    offset = timedelta(hours=int(hours), minutes=int(minutes))
    return timezone(-offset if sign == "-" else offset)


def _made(cursor, start, make):
    try:
        return make()
    except ValueError as error:
        raise cursor.error(f"no such date or time: {error}", start) from None


def _read_array(cursor, depth):
    cursor.expect("[")
    values = []
    while True:
        cursor.skip_lines()
        if cursor.skip("]"):
            return values
        values.append(read_value(cursor, depth + 1))
        cursor.skip_lines()
        if not cursor.skip(","):
            cursor.expect("]")
            return values


class Inline(dict):
    """A table that was written inline: nothing may be added to it later."""


def _read_inline(cursor, depth):
    cursor.expect("{")
    table = Inline()
    own = {id(table)}
    cursor.skip_spaces()
    if cursor.skip("}"):
        return table
    while True:
        _read_pair(cursor, table, own, depth)
        cursor.skip_spaces()
        if cursor.skip("}"):
            return table
        cursor.expect(",")
        cursor.skip_spaces()


def _read_pair(cursor, table, own, depth):
    """Read a pair of an inline table, whose dotted keys make tables of their own."""
    start = cursor.position
    keys = read_key(cursor)
    cursor.expect("=")
    cursor.skip_spaces()
    for key in keys[:-1]:
        if key not in table:
            table[key] = Inline()
            own.add(id(table[key]))
        table = table[key]
        if id(table) not in own:
            raise cursor.error(f"{key!r} is given already", start)
    if keys[-1] in table:
        raise cursor.error(f"{keys[-1]!r} is given already", start)
    table[keys[-1]] = read_value(cursor, depth + 1)


def read_key(cursor):
    """Read a key and the spaces around it; return its parts."""
    keys = []
    while True:
        cursor.skip_spaces()
        if cursor.peek() in ('"', "'") and cursor.peek():
            if cursor.peek(3) in ('"""', "'''"):
                raise cursor.error("a key cannot be a string of several lines")
            keys.append(read_string(cursor))
        else:
            match = cursor.match(_BARE_KEY)
            if match is None:
                raise cursor.error("expected a key")
            keys.append(match.group())
        cursor.skip_spaces()
        if not cursor.skip("."):
            return keys
