"""What can go wrong."""


class LexerError(Exception):
    """Any error of this package."""


class GrammarError(LexerError, ValueError):
    """A grammar that can not work."""


class ScanError(LexerError):
    """A text that does not follow its grammar, with the place where that shows."""

    def __init__(self, message, line, column):
        super().__init__(f"{line}:{column}: {message}")
        self.message = message
        self.line = line
        self.column = column
