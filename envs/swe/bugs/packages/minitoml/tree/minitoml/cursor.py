"""A place in a text, and errors that say where it is."""


class TomlError(ValueError):
    """What is wrong with a text, with the line and column, both from 1."""

    def __init__(self, message, line, column):
        super().__init__(f"{message} (line {line}, column {column})")
        self.line = line
        self.column = column


class Cursor:
    """A place in a text."""

    def __init__(self, text):
        self.text = text
        self.position = 0

    def peek(self, length=1):
        """Return the next characters; fewer at the end."""
        return self.text[self.position : self.position + length]

    def take(self, length=1):
        """Return the next characters and move behind them."""
        taken = self.peek(length)
        self.position += len(taken)
        return taken

    def at_end(self):
        """Tell whether nothing is left."""
        return self.position >= len(self.text)

    def skip(self, expected):
        """Move behind a text if it comes next; tell whether it did."""
        if self.text.startswith(expected, self.position):
            self.position += len(expected)
            return True
        return False

    def expect(self, expected):
        """Move behind a text that must come next."""
        if not self.skip(expected):
            raise self.error(f"expected {expected!r}, found {self.peek() or 'the end'!r}")

    def match(self, pattern):
        """Return what a regular expression matches here, and move behind it; None if it does not."""
        match = pattern.match(self.text, self.position)
        if match is not None:
            self.position = match.end()
        return match

    def skip_spaces(self):
        """Move behind spaces and tabs."""
        while self.peek() in (" ", "\t"):
            self.position += 1

    def skip_lines(self):
        """Move behind spaces, comments and ends of lines."""
        while True:
            self.skip_spaces()
            if not self.skip_comment() and not self.skip_newline():
                return

    def skip_comment(self):
        """Move behind a comment, up to the end of its line; tell whether there was one."""
        if self.peek() != "#":
            return False
        while not self.at_end() and self.peek() != "\n" and self.peek(2) != "\r\n":
            if self.peek() != "\t" and (self.peek() < " " or self.peek() == "\x7f"):
                raise self.error("a control character in a comment")
            self.position += 1
        return True

    def skip_newline(self):
        """Move behind the end of a line; tell whether there was one."""
        return self.skip("\n") or self.skip("\r\n")

    def end_line(self):
        """Move to the next line; only a comment may stand before it."""
        self.skip_spaces()
        self.skip_comment()
        if not self.at_end() and not self.skip_newline():
            raise self.error(f"expected the end of the line, found {self.peek()!r}")

    def error(self, message, position=None):
        """Return an error at a position, by default this one."""
        position = self.position if position is None else position
        line = self.text.count("\n", 0, position) + 1
        column = position - self.text.rfind("\n", 0, position)
        return TomlError(message, line, column)
