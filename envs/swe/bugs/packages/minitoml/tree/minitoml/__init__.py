"""A reader and writer for configuration files in a large part of TOML 1.0."""

from .cursor import TomlError
from .document import loads
from .paths import get
from .writer import dumps

__all__ = ["TomlError", "dumps", "get", "loads"]
