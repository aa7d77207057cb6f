r"""Paths: names with dots between them, indexes in brackets.

    server.ports[0]
    users."jane.doe".mail

A name with anything but letters, digits, `_`, `-` and `*` stands in double quotes, where `\"` is a quote
and `\\` a backslash. As a value a path is a tuple of strings and integers.
"""

import re

from .errors import PathError

_STEP = re.compile(r'(?P<name>[\w*-]+)|"(?P<quoted>(?:[^"\\]|\\.)*)"|\[(?P<index>\d+)\]')
_PLAIN = re.compile(r"[\w*-]+")
_MISSING = object()


def parse_path(text):
    """Return a path as a tuple; one that is a tuple already is returned as it is.

    Raises:
        PathError: if the text is no path.
    """
    if isinstance(text, tuple):
        return text
    steps = []
    position = 0
    while position < len(text):
        if steps and text[position] != "[":
            if text[position] != ".":
                raise PathError(f"expected '.' or '[' at {position} of {text!r}")
            position += 1
        match = _STEP.match(text, position)
        if match is None or (steps and text[position - 1] == "." and match["index"]):
            raise PathError(f"expected a name at {position} of {text!r}")
        if match["index"]:
            steps.append(int(match["index"]))
        else:
            steps.append(match["name"] or re.sub(r"\\(.)", r"\1", match["quoted"]))
        position = match.end()
    return tuple(steps)


def format_path(path):
    """Return the text of a path, which `parse_path` reads as the same path."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
            continue
        if not _PLAIN.fullmatch(step):
            step = '"' + step.replace("\\", "\\\\").replace('"', '\\"') + '"'
        text += f".{step}" if text else step
    return text


def get(config, path, default=_MISSING):
    """Return what a path leads to.

    Raises:
        PathError: if it leads to nothing and there is no default.
    """
    value = config
    for step in parse_path(path):
        if not _has(value, step):
            if default is _MISSING:
                raise PathError(f"nothing at {format_path(parse_path(path))!r}")
            return default
        value = value[step]
    return value


def put(config, path, value):
    """Set what a path leads to, in place; dictionaries on the way are made.

    An index one beyond the end of a list appends to it.

    Raises:
        PathError: if something on the way is neither a dictionary nor a list long enough.
    """
    *way, last = _not_empty(path)
    for step in way:
        if not _has(config, step):
            _set(config, step, {}, path)
        config = config[step]
    _set(config, last, value, path)


def drop(config, path):
    """Remove what a path leads to, in place.

    Raises:
        PathError: if it leads to nothing.
    """
    path = _not_empty(path)
    parent = get(config, path[:-1])
    if not _has(parent, path[-1]):
        raise PathError(f"nothing at {format_path(path)!r}")
    del parent[path[-1]]


def _has(value, step):
    if isinstance(value, dict):
        return step in value
    return isinstance(value, list) and isinstance(step, int) and step < len(value)


def _set(config, step, value, path):
    if isinstance(config, dict) or _has(config, step):
        config[step] = value
    elif isinstance(config, list) and step == len(config):
        config.append(value)
    else:
        raise PathError(f"no place for {step!r} of {path!r} in a {type(config).__name__}")


def _not_empty(path):
    path = parse_path(path)
    if not path:
        raise PathError("the path is empty")
    return path
