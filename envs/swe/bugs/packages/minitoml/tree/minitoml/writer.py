"""Documents written."""

import re
from datetime import date, time

from .strings import ESCAPES

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_ESCAPED = {char: f"\\{letter}" for letter, char in ESCAPES.items()}


def dumps(config):
    """Return a dict as a document; `loads` reads it back.

    Raises TypeError for what TOML cannot say, and for keys that are not text.
    """
    return "\n".join(_table(config, ())).strip("\n") + "\n" if config else ""


def _table(table, path):
    """Return the lines of a table: its plain values, then the tables in it."""
    lines = [f"{_key(key)} = {_value(value)}" for key, value in table.items() if not _is_block(value)]
    for key, value in table.items():
        inner = (*path, key)
        if isinstance(value, dict):
            header = ["", f"[{_path(inner)}]"] if _needs_header(value) else []
            lines += header + _table(value, inner)
        elif _is_block(value):
            for one in value:
                lines += ["", f"[[{_path(inner)}]]", *_table(one, inner)]
    return lines


def _is_block(value):
    """Tell whether a value is written below a header: a table, or a list of nothing but tables."""
    if isinstance(value, (list, tuple)):
        return bool(value) and all(isinstance(one, dict) for one in value)
    return isinstance(value, dict)


def _needs_header(table):
    """Tell whether a table has plain values, or nothing at all: others are named by those inside of them."""
    return not table or any(not _is_block(value) for value in table.values())


def _value(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return _float(value)
    if isinstance(value, str):
        return _string(value)
    if isinstance(value, (date, time)):
        return value.isoformat()
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(_value, value)) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_key(key)} = {_value(one)}" for key, one in value.items()) + "}"
    raise TypeError(f"{type(value).__name__} cannot be written as TOML")


def _float(value):
    text = repr(value)
    if text.lstrip("-") in ("inf", "nan") or "." in text:
        return text
    return text.replace("e", ".0e") if "e" in text else f"{text}.0"


def _string(text):
    chars = []
    for char in text:
        if char in _ESCAPED:
            chars.append(_ESCAPED[char])
        elif char < " " or char == "\x7f":
            chars.append(f"\\u{ord(char):04x}")
        else:
            chars.append(char)
    return '"' + "".join(chars) + '"'


def _key(key):
    if not isinstance(key, str):
        raise TypeError(f"a key must be text, not {type(key).__name__}")
    return key if _BARE.fullmatch(key) else _string(key)


def _path(keys):
    return ".".join(map(_key, keys))
