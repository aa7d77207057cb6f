"""A tokenizer with states: rules, scanner, positions, literals, indentation, a stream for parsers."""

from .errors import GrammarError, LexerError, ScanError
from .indent import indented
from .lines import Lines
from .literals import number, quote, unquote
from .rules import Grammar, Include, Rule
from .scanner import Scanner
from .stream import TokenStream
from .token import Token

__all__ = [
    "Grammar",
    "GrammarError",
    "Include",
    "LexerError",
    "Lines",
    "Rule",
    "ScanError",
    "Scanner",
    "Token",
    "TokenStream",
    "indented",
    "number",
    "quote",
    "unquote",
]
