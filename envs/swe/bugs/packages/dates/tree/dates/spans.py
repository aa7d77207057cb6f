"""Spans of days: from a start up to an end that does not belong to them."""

from datetime import timedelta


class Span:
    """The days from `start` up to `end`, without `end`; empty if both are the same."""

    __slots__ = ("end", "start")

    def __init__(self, start, end):
        if end < start:
            raise ValueError(f"a span cannot end ({end}) before it starts ({start})")
        self.start = start
        self.end = end

    @property
    def days(self):
        """How many days it holds."""
        return (self.end - self.start).days

    def __eq__(self, other):
        if not isinstance(other, Span):
            return NotImplemented
        return (self.start, self.end) == (other.start, other.end)

    def __hash__(self):
        return hash((self.start, self.end))

    def __repr__(self):
        return f"Span({self.start.isoformat()}, {self.end.isoformat()})"

    def __contains__(self, day):
        return self.start <= day < self.end

    def __iter__(self):
        for number in range(self.days):
            yield self.start + timedelta(days=number)

    def overlaps(self, other):
        """Tell whether the two have a day in common."""
        return self.intersect(other) is not None

    def intersect(self, other):
        """Return the days that both hold, or None if there are none."""
        start, end = max(self.start, other.start), min(self.end, other.end)
        return Span(start, end) if start < end else None

    def subtract(self, other):
        """Return what is left without the other's days: no span, one or two."""
        common = self.intersect(other)
        if common is None:
            return [self] if self.days else []
        parts = [(self.start, common.start), (common.end, self.end)]
        return [Span(start, end) for start, end in parts if start < end]


def merge(spans):
    """Return spans in order that hold the same days and neither overlap nor touch; empty ones are dropped."""
    merged = []
    for span in sorted(spans, key=lambda span: span.start):
        if not span.days:
            continue
        if merged and span.start <= merged[-1].end:
            merged[-1] = Span(merged[-1].start, max(merged[-1].end, span.end))
        else:
            merged.append(span)
    return merged


def gaps(spans, within):
    """Return the parts of a span that others leave free, in order."""
    free = [within] if within.days else []
    for span in merge(spans):
        free = [part for one in free for part in one.subtract(span)]
    return free
