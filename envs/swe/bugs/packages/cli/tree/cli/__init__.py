"""The arguments of a command line: what a command takes, parsing, converting, help, completion."""

from . import convert
from .completing import complete
from .errors import DefinitionError, UsageError
from .helping import help_text, usage
from .parsing import Result, parse
from .spec import Argument, Command, Option
from .suggesting import distance, nearest

__all__ = [
    "Argument",
    "Command",
    "DefinitionError",
    "Option",
    "Result",
    "UsageError",
    "complete",
    "convert",
    "distance",
    "help_text",
    "nearest",
    "parse",
    "usage",
]
