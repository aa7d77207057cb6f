"""Nested lists."""

from .align import pad
from .width import width
from .wrap import wrap

BULLETS = ("-", "*", "+")


def listing(items, columns=80, numbered=False, bullets=BULLETS, start=1):
    """Return the lines of a list; a list inside of it is one level deeper.

    numbered: number the items of each level instead of giving them bullets: 1. 2. 3., a. b. c., i. ii. iii.,
        then 1. again; only the outermost begins at `start`. Numbers of a level are as wide as its widest.
    bullets: those of the levels; after the last they begin again.

    Raises ValueError for a list that holds itself.
    """
    return _level(list(items), columns, numbered, tuple(bullets), 0, start, (id(items),))


def _level(items, columns, numbered, bullets, depth, start, above):
    count = sum(1 for item in items if not isinstance(item, (list, tuple)))
    if numbered:
        marks = [f"{_number(start + number, depth)}." for number in range(count)]
    else:
        marks = [bullets[depth % len(bullets)]] * count
    room = max(map(width, marks), default=0) + 1
    lines, number = [], 0
    for item in items:
        if isinstance(item, (list, tuple)):
            if id(item) in above:
                raise ValueError("a list must not hold itself")
            indent = room if count else 0
            inner = _level(item, columns - indent, numbered, bullets, depth + 1, 1, (*above, id(item)))
            lines += [" " * indent + line for line in inner]
        else:
            mark = pad(marks[number], room - 1, "right") + " "
            lines += wrap(str(item), columns, indent=mark, hanging=" " * room) or [mark.rstrip()]
            number += 1
    return lines


def _number(number, depth):
    """Return an item's number as its level writes it."""
    style = depth % 3
    if style == 0:
        return str(number)
    return letters(number) if style == 1 else roman(number)


def letters(number):
    """Return 1 as a, 26 as z, 27 as aa."""
    text = ""
    while number > 0:
        number, rest = divmod(number - 1, 26)
        text = chr(ord("a") + rest) + text
    return text


def roman(number):
    """Return a number from 1 to 3999 in small Roman numerals."""
    values = (1000, 900, 500, 400, 100, 90, 50, 40, 10, 9, 5, 4, 1)
    texts = ("m", "cm", "d", "cd", "c", "xc", "l", "xl", "x", "ix", "v", "iv", "i")
    result = ""
    for value, text in zip(values, texts):
        result += text * (number // value)
        number %= value
    return result
