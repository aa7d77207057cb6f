"""Short texts side by side."""

from .align import pad
from .width import width


def columns(items, total, gap=2, across=False):
    """Return the lines of items in as many columns as fit, as `ls` prints them.

    total: the columns of the terminal.
    gap: the spaces between two columns.
    across: fill the lines from left to right instead of the columns downwards.
    """
    items = list(items)
    if not items:
        return []
    for count in range(len(items), 1, -1):
        parts = _divided(items, count, across)
        widths = [max(map(width, part)) for part in parts]
        if len(parts) == count and sum(widths) + gap * (count - 1) <= total:
            return _joined(parts, widths, gap)
    return items


def _divided(items, count, across):
    """Return the items of each column; there may be fewer columns than asked for."""
    if across:
        return [items[first::count] for first in range(count)]
    height = -(-len(items) // count)
    return [items[first : first + height] for first in range(0, len(items), height)]


def _joined(parts, widths, gap):
    lines = []
    for number in range(len(parts[0])):
        cells = [pad(part[number], columns_) for part, columns_ in zip(parts, widths) if number < len(part)]
        lines.append((" " * gap).join(cells).rstrip())
    return lines
