"""How many columns of a terminal a text takes."""

import re
import unicodedata

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_WIDE = ("W", "F")


def strip_colours(text):
    """Return a text without the codes that set a terminal's colours."""
    return _COLOUR.sub("", text)


def char_width(char):
    """Return the columns of one character: 0, 1 or 2."""
    if unicodedata.combining(char) or unicodedata.category(char) in ("Cc", "Cf", "Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in _WIDE else 1


def width(text):
    """Return the columns of one line."""
    return sum(char_width(char) for char in strip_colours(text))


def pieces(text):
    """Yield (piece, columns): colour codes, and characters together with what combines with them."""
    position = 0
    while position < len(text):
        match = _COLOUR.match(text, position)
        if match:
            yield match.group(), 0
            position = match.end()
            continue
        end = position + 1
        while end < len(text) and text[end] != "\x1b" and char_width(text[end]) == 0:
            end += 1
        yield text[position:end], char_width(text[position])
        position = end
