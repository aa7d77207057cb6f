"""Texts brought to a width."""

from .width import pieces, width

_RESET = "\x1b[0m"


def pad(text, columns, align="left", fill=" "):
    """Return a line made as wide as `columns`; one that is wider stays as it is.

    align: "left", "right" or "center"; an odd column goes to the right of what is centered.
    fill: one character of one column.
    """
    if align not in ("left", "right", "center"):
        raise ValueError(f"{align!r} is not one of left, right, center")
    if len(fill) != 1 or width(fill) != 1:
        raise ValueError("fill must be one character of one column")
    space = max(0, columns - width(text))
    before = {"left": 0, "right": space, "center": space // 2}[align]
    return fill * before + text + fill * (space - before)


def cut(text, columns, ellipsis="…"):
    """Return a line that is at most so wide; what is shortened ends with the ellipsis, if that fits.

    A wide character of which only half would fit is left out. Colours that were begun are ended.
    """
    if columns < 0:
        raise ValueError("columns must not be negative")
    if width(text) <= columns:
        return text
    end = ellipsis if width(ellipsis) <= columns else ""
    room = columns - width(end)
    kept, coloured = [], False
    for piece, taken in pieces(text):
        if taken > room:
            break
        kept.append(piece)
        room -= taken
        if piece.startswith("\x1b"):
            coloured = piece not in (_RESET, "\x1b[m")
    return "".join(kept) + end + (_RESET if coloured else "")


def align_decimals(texts, point="."):
    """Return texts padded so that their decimal points stand below each other.

    A text without a point is one of whole numbers; the last point of a text counts.
    """
    parts = []
    for text in texts:
        head, found, tail = text.rpartition(point)
        parts.append((head, found + tail) if found else (text, ""))
    left = max((width(head) for head, _ in parts), default=0)
    right = max((width(tail) for _, tail in parts), default=0)
    return [pad(head, left, "right") + pad(tail, right) for head, tail in parts]
