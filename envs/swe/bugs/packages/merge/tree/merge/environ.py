"""A layer from environment variables.

APP_SERVER__PORT=8080     {"server": {"port": 8080}}
APP_TAGS=["a", "b"]       {"tags": ["a", "b"]}
"""

import json
import re

from .errors import ConflictError

_WORDS = {"true": True, "false": False, "null": None}
_INTEGER = re.compile(r"[+-]?\d+")
_FLOAT = re.compile(r"[+-]?(?:\d+\.\d*|\.\d+|\d+(?=e))(?:e[+-]?\d+)?", re.IGNORECASE)


def parse_value(text):
    """Return the value that a text stands for.

    Numbers, true, false, null (in any case), and JSON that begins with a quote, a bracket or a brace; a
    text that is none of these stands for itself.
    """
    stripped = text.strip()
    if stripped.lower() in _WORDS:
        return _WORDS[stripped.lower()]
    if _INTEGER.fullmatch(stripped):
        return int(stripped)
    if _FLOAT.fullmatch(stripped):
        return float(stripped)
    if stripped[:1] in ('"', "[", "{"):
        try:
            return json.loads(stripped)
        except ValueError:
            return text
    return text


def from_environ(environ, prefix):
    """Return the configuration in the variables that begin with a prefix and `_`.

    Names become lower case; two underscores lead one level down.

    Args:
        environ: name -> text, such as `os.environ`.
        prefix: for example "APP".

    Raises:
        ConflictError: if one variable is both a value and a level, or a name has an empty part.
    """
    config = {}
    for name in sorted(environ):
        if not name.startswith(prefix + "_"):
            continue
        *way, last = name[len(prefix) + 1 :].lower().split("__")
        if not last or not all(way):
            raise ConflictError(f"{name}: a part of the name is empty")
        level = config
        for step in way:
            level = level.setdefault(step, {})
            if not isinstance(level, dict):
                raise ConflictError(f"{name}: {step!r} has a value of its own")
        if last in level:
            raise ConflictError(f"{name}: there is a value or a level of this name already")
        level[last] = parse_value(environ[name])
    return config
