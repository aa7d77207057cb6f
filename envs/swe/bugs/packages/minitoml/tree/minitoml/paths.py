"""Values by their dotted path."""

from .cursor import Cursor
from .values import read_key

_MISSING = object()


def get(config, path, default=_MISSING):
    """Return what a dotted path leads to, e.g. `server."a.b".ports.0`; numbers count in arrays.

    Raises KeyError with the whole path if there is nothing, unless there is a default.
    """
    cursor = Cursor(path)
    keys = read_key(cursor)
    if not cursor.at_end():
        raise cursor.error("expected the end of the path")
    value = config
    for key in keys:
        if isinstance(value, list) and key.isascii() and key.isdigit() and int(key) < len(value):
            value = value[int(key)]
        elif isinstance(value, dict) and key in value:
            value = value[key]
        elif default is _MISSING:
            raise KeyError(path)
        else:
            return default
    return value
