"""Configurations made of layers."""

from .environ import from_environ, parse_value
from .errors import ConflictError, ExpandError, MergeError, PathError
from .expand import expand
from .layers import Stack
from .merging import merge
from .paths import drop, format_path, get, parse_path, put
from .rules import Rules
from .values import REMOVE, clone, same

__all__ = [
    "REMOVE",
    "ConflictError",
    "ExpandError",
    "MergeError",
    "PathError",
    "Rules",
    "Stack",
    "clone",
    "drop",
    "expand",
    "format_path",
    "from_environ",
    "get",
    "merge",
    "parse_path",
    "parse_value",
    "put",
    "same",
]
