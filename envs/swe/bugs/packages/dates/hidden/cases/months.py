"""Hidden cases of dates: months."""

import random
from datetime import date, datetime, timedelta

from cases.shared import text
from dates import add_months, days_in_month, is_leap, month_end, months_between, quarter
from judging import tried


def case_leap_years():
    return [
        year for year in [*range(1890, 1910), *range(1996, 2005), 1600, 1700, 2100, 2400, 4] if is_leap(year)
    ]


def case_days_in_month():
    lengths = [days_in_month(year, month) for year in (1900, 2000, 2023, 2024) for month in range(1, 13)]
    return lengths, [tried(days_in_month, 2024, month) for month in (0, 13, -1)]


def case_month_end():
    return text([month_end(date(year, month, 1)) for year in (2023, 2024) for month in range(1, 13)])


def case_month_end_keeps_the_time():
    return text(month_end(datetime(2024, 2, 3, 4, 5)))


def case_add_months():
    starts = [date(2024, 1, 31), date(2023, 12, 1), date(2024, 2, 29), date(2023, 10, 30)]
    return [[text(add_months(start, n)) for n in range(-26, 27)] for start in starts]


def case_add_many_months():
    return text([add_months(date(2000, 2, 29), n) for n in (12, 48, 1200, -1200, 4800, -12, 0)])


def case_add_months_with_a_time():
    return text([add_months(datetime(2024, 3, 31, 23, 59, 58, 7), n) for n in (-1, 1, 11, 12)])


def case_months_between():
    ends = [
        (2024, 1, 30),
        (2024, 1, 31),
        (2024, 2, 28),
        (2024, 2, 29),
        (2024, 3, 1),
        (2024, 3, 30),
        (2024, 3, 31),
    ]
    ends = [
        date(*end)
        for end in [*ends, (2025, 1, 30), (2025, 1, 31), (2025, 2, 28), (2023, 2, 28), (2023, 12, 31)]
    ]
    return [[months_between(start, end) for end in ends] for start in ends]


def case_months_between_and_back():
    rows = []
    source = random.Random(3)
    for _ in range(80):
        start, end = (date(2019, 12, 28) + timedelta(days=source.randrange(1000)) for _ in range(2))
        months = months_between(start, end)
        rows.append((months, text(add_months(start, months))))
    return rows


def case_quarters():
    days_ = [date(2024, month, 1) for month in range(1, 13)]
    return [[quarter(one, first) for one in days_] for first in (1, 2, 4, 7, 10, 12)], quarter(
        date(2024, 5, 5)
    )
