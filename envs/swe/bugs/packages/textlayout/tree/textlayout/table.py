"""Tables."""

from .align import align_decimals, pad
from .width import width
from .wrap import wrap

_ALIGNMENTS = ("left", "right", "center", "decimal")
_MIN_COLUMN = 3


class Table:
    """Rows below a header.

    header: the titles of the columns.
    align: how each column is aligned; left without it.
    gap: what stands between columns.
    """

    def __init__(self, header, align=None, gap="  "):
        self.header = [str(title) for title in header]
        self.align = list(align) if align is not None else ["left"] * len(self.header)
        if len(self.align) != len(self.header):
            raise ValueError(f"{len(self.align)} alignments for {len(self.header)} columns")
        for one in self.align:
            if one not in _ALIGNMENTS:
                raise ValueError(f"{one!r} is not one of {', '.join(_ALIGNMENTS)}")
        self.gap = gap
        self.rows = []

    def add(self, *cells):
        """Add a row, which may lack cells at its end; None is an empty one. Returns the table."""
        if len(cells) > len(self.header):
            raise ValueError(f"{len(cells)} cells for {len(self.header)} columns")
        row = ["" if cell is None else str(cell) for cell in cells]
        self.rows.append(row + [""] * (len(self.header) - len(row)))
        return self

    def sort(self, column, reverse=False, key=None):
        """Sort the rows by a column; equal ones keep their order. Returns the table."""
        index = self.header.index(column)
        self.rows.sort(key=lambda row: row[index] if key is None else key(row[index]), reverse=reverse)
        return self

    def copy(self):
        """Return a table of its own with the same rows."""
        other = Table(self.header, self.align, self.gap)
        other.rows = [list(row) for row in self.rows]
        return other

    def render(self, max_width=None, rule="-"):
        """Return the table as text; without a header line if all titles are empty.

        max_width: make the widest columns narrower until the table fits, by wrapping their cells.
        rule: what the line below the header is made of; "" for no line.
        """
        if not self.header:
            return ""
        shown = [self._aligned(index) for index in range(len(self.header))]
        widths = [max(map(width, [title, *cells])) for title, cells in zip(self.header, shown)]
        if max_width is not None:
            widths = _narrowed(widths, max_width - width(self.gap) * (len(widths) - 1))
        lines = []
        if any(self.header):
            lines += self._lines(self.header, widths)
            if rule:
                lines.append(self.gap.join((rule * one)[:one] for one in widths))
        for row in zip(*shown):
            lines += self._lines(row, widths)
        return "\n".join(line.rstrip() for line in lines)

    def _aligned(self, index):
        """Return a column's cells, decimals below each other."""
        cells = [row[index] for row in self.rows]
        return align_decimals(cells) if self.align[index] == "decimal" else cells

    def _lines(self, cells, widths):
        """Return the lines of one row."""
        wrapped = [[cell] if width(cell) <= room else wrap(cell, room) for cell, room in zip(cells, widths)]
        height = max(map(len, wrapped))
        lines = []
        for number in range(height):
            parts = []
            for cell, room, align in zip(wrapped, widths, self.align):
                text = cell[number] if number < len(cell) else ""
                parts.append(pad(text, room, "right" if align == "decimal" else align))
            lines.append(self.gap.join(parts))
        return lines


def _narrowed(widths, room):
    """Return widths of which the largest were made smaller until they fit; ValueError if they cannot."""
    widths = list(widths)
    smallest = [min(one, _MIN_COLUMN) for one in widths]
    if sum(smallest) > room:
        raise ValueError(f"{len(widths)} columns do not fit")
    while sum(widths) > room:
        largest = max(range(len(widths)), key=lambda index: widths[index])
        widths[largest] -= 1
    return widths
