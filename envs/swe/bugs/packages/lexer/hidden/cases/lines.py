"""Hidden cases of lexer: lines."""

from cases.shared import tried
from lexer import GrammarError, LexerError, Lines, ScanError, Token


def case_errors_are_related():
    error = ScanError("no such thing", 3, 14)
    return [
        issubclass(GrammarError, LexerError),
        issubclass(GrammarError, ValueError),
        issubclass(ScanError, LexerError),
        str(error),
        error.message,
        error.line,
        error.column,
    ]


def case_positions_of_every_place():
    texts = ["", "a", "\n", "ab\ncd", "ab\r\ncd\n", "a\rb\r\n\r\nc\n\r", "\n\n\n", "\r\n", "a\n\tb\r"]
    found = []
    for text in texts:
        lines = Lines(text)
        found.append([len(lines), [tried(lines.position, place) for place in range(-2, len(text) + 3)]])
    return found


def case_lines_and_excerpts():
    found = []
    for text in ["", "a", "ab\ncd\n", "one\r\ntwo\rthree", "\tx\n\t\ty z\n", "  \n x\t y\r\n", "aX\nX"]:
        lines = Lines(text)
        found.append(
            [
                [tried(lines.line, number) for number in range(-1, len(lines) + 2)],
                [tried(lines.excerpt, place) for place in range(-1, len(text) + 2)],
            ]
        )
    return found


def case_tokens():
    token = Token("A", "abc", 4, 2, 1)
    return [
        token.end,
        token == Token("A", "abc", 4, 2, 1),
        token == Token("A", "abc", 5, 2, 1),
        len({token, token}),
    ]
