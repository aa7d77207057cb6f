"""Hidden cases of dates: spans."""

from datetime import date, timedelta

from cases.shared import text
from dates import Span, gaps, merge
from judging import tried


def day(number):
    """Return a day of 2024, from 1."""
    return date(2023, 12, 31) + timedelta(days=number)


def span(first, last):
    return Span(day(first), day(last))


def case_spans():
    one = span(1, 11)
    empty = span(5, 5)
    said = [
        one.days,
        empty.days,
        day(1) in one,
        day(10) in one,
        day(11) in one,
        day(0) in one,
        day(5) in empty,
    ]
    said += [
        repr(one),
        one == span(1, 11),
        one == span(1, 12),
        one == span(2, 11),
        one == "x",
        len({one, span(1, 11)}),
    ]
    return said, text(list(span(1, 4))), text(list(empty)), tried(Span, day(2), day(1))


def case_intersections():
    spans = [span(1, 5), span(5, 9), span(3, 7), span(1, 9), span(4, 5), span(6, 6), span(1, 1), span(20, 30)]
    return [[text(a.intersect(b)) for b in spans] for a in spans], [
        [a.overlaps(b) for b in spans] for a in spans
    ]


def case_subtractions():
    spans = [span(1, 5), span(5, 9), span(3, 7), span(1, 9), span(4, 5), span(6, 6), span(1, 3), span(7, 9)]
    return [[text(a.subtract(b)) for b in spans] for a in spans]


def case_merging():
    lists = [
        [],
        [span(1, 1)],
        [span(1, 5), span(5, 9)],
        [span(5, 9), span(1, 5), span(20, 21)],
        [span(1, 20), span(2, 3), span(4, 6)],
        [span(1, 4), span(6, 8), span(3, 7)],
        [span(1, 3), span(4, 5), span(5, 5), span(9, 9)],
        [span(3, 9), span(3, 4), span(3, 12), span(1, 3)],
    ]
    return [text(merge(one)) for one in lists], text(merge(iter(lists[3])))


def case_merging_leaves_its_input():
    given = [span(5, 9), span(1, 6), span(2, 3)]
    merge(given)
    gaps(given, span(0, 20))
    return text(given)


def case_gaps():
    busy = [span(3, 5), span(5, 8), span(10, 12), span(11, 15), span(20, 20)]
    withins = [
        span(1, 30),
        span(3, 15),
        span(4, 11),
        span(8, 10),
        span(9, 9),
        span(5, 7),
        span(0, 3),
        span(15, 40),
    ]
    return [text(gaps(busy, within)) for within in withins], text(gaps([], span(1, 3)))
