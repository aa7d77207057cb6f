"""Texts broken into lines."""

import re

from .align import cut
from .width import pieces, width

_PARAGRAPHS = re.compile(r"\n[ \t]*(?:\n[ \t]*)+")
_HYPHEN = re.compile(r"(?<=[^\W\d_]-)(?=[^\W\d_])")


def wrap(text, columns, indent="", hanging=None, break_long=True, max_lines=None):
    """Return the lines of a text at most so wide.

    indent: begins the first line.
    hanging: begins the others; None is the same as `indent`.
    break_long: break words that do not fit on a line of their own; otherwise they stick out.
    max_lines: how many lines there may be; the last one then ends with an ellipsis.
    """
    hanging = indent if hanging is None else hanging
    if columns <= max(width(indent), width(hanging)):
        raise ValueError(f"{columns} columns leave no room beside the indent")
    lines, line, used = [], indent, width(indent)
    empty = True
    for part, glued in _parts(text):
        gap = "" if empty or glued else " "
        if not empty and used + len(gap) + width(part) > columns:
            lines.append(line)
            line, used, empty, gap = hanging, width(hanging), True, ""
        while break_long and used + width(part) > columns and empty:
            head, part = _split(part, columns - used)
            lines.append(line + head)
            line, used = hanging, width(hanging)
        line += gap + part
        used += len(gap) + width(part)
        empty = empty and not part
    if not empty:
        lines.append(line)
    return _shortened(lines, columns, max_lines)


def _parts(text):
    """Yield (part, glued) of words broken after their hyphens; `glued` parts follow without a gap."""
    for word in text.split():
        for number, part in enumerate(_HYPHEN.split(word)):
            yield part, number > 0


def _split(word, columns):
    """Split a word into what fits, one piece at least, and the rest."""
    head, used = "", 0
    for piece, taken in pieces(word):
        if head and used + taken > columns:
            break
        head += piece
        used += taken
    return head, word[len(head) :]


def _shortened(lines, columns, max_lines):
    if max_lines is None or len(lines) <= max_lines:
        return lines
    if max_lines < 1:
        raise ValueError("max_lines must be at least 1")
    kept = lines[:max_lines]
    last = kept[-1] + "…"
    kept[-1] = last if width(last) <= columns else cut(kept[-1], columns - 1, "").rstrip() + "…"
    return kept


def wrap_paragraphs(text, columns, **options):
    """Return the wrapped lines of paragraphs, with one empty line between them."""
    lines = []
    for paragraph in _PARAGRAPHS.split(text.strip()):
        wrapped = wrap(paragraph, columns, **options)
        lines += ["", *wrapped] if lines and wrapped else wrapped
    return lines


def justify(text, columns, last=False):
    """Return wrapped lines made exactly so wide by wider gaps, the left ones first.

    last: treat the last line so, too; lines of one word stay as they are.
    """
    lines = wrap(text, columns)
    end = len(lines) if last else len(lines) - 1
    return [_spread(line, columns) for line in lines[:end]] + lines[end:]


def _spread(line, columns):
    words = line.split(" ")
    gaps = len(words) - 1
    if gaps == 0:
        return line
    space = columns - sum(width(word) for word in words)
    each, more = divmod(space, gaps)
    text = ""
    for number, word in enumerate(words[:-1]):
        text += word + " " * (each + (1 if number < more else 0))
    return text + words[-1]


def dedent(text):
    """Return a text without the white space that all of its lines begin with; blank lines become empty."""
    lines = text.split("\n")
    starts = [line[: len(line) - len(line.lstrip(" \t"))] for line in lines if line.strip()]
    common = starts[0] if starts else ""
    for start in starts[1:]:
        while not start.startswith(common):
            common = common[:-1]
    return "\n".join(line[len(common) :] if line.strip() else "" for line in lines)
