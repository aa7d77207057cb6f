"""Hidden cases of dates."""

import random
from datetime import date, datetime, timedelta

from dates import (
    Period,
    Rule,
    Span,
    WorkCalendar,
    add_months,
    age,
    ago,
    days_in_month,
    gaps,
    is_leap,
    merge,
    month_end,
    months_between,
    ordinal,
    quarter,
)
from judging import tried


def text(value):
    """Return dates and spans as plain values, also inside of lists."""
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    if isinstance(value, Span):
        return (value.start.isoformat(), value.end.isoformat())
    if isinstance(value, Period):
        return ("period", value.months, value.days, str(value.seconds + 0))
    return [text(one) for one in value] if isinstance(value, list) else value


def day(number):
    """Return a day of 2024, from 1."""
    return date(2023, 12, 31) + timedelta(days=number)


def span(first, last):
    return Span(day(first), day(last))


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


def case_ordinals():
    numbers = [*range(0, 32), 100, 101, 102, 103, 111, 112, 113, 121, 211, 1011, 1013, 1023]
    return [ordinal(number) for number in numbers], tried(ordinal, -1)


def case_ages():
    born = [date(2000, 2, 29), date(2000, 2, 28), date(1999, 12, 31), date(2000, 3, 1)]
    on = [
        (2023, 2, 27),
        (2023, 2, 28),
        (2023, 3, 1),
        (2024, 2, 28),
        (2024, 2, 29),
        (2024, 12, 30),
        (2024, 12, 31),
    ]
    rows = [[age(one, date(*when)) for when in on] for one in born]
    return rows, age(born[0], born[0]), tried(age, date(2000, 1, 2), date(2000, 1, 1))


def case_ago():
    today = date(2024, 3, 10)
    return [ago(today + timedelta(days=n), today) for n in range(-70, 71)]


def case_ago_far_away():
    today = date(2024, 2, 29)
    numbers = [300, 364, 365, 366, 700, 729, 730, 731, 732, 1000, 1094, 1095, 1096, 5000, 60, 61]
    return [ago(today + timedelta(days=sign * n), today) for sign in (1, -1) for n in numbers]


def case_periods_parsed():
    texts = "P1Y P2M P3W P4D PT5H PT6M PT7S P1Y2M3W4DT5H6M7S -P1Y2M +P1D PT0.5S PT1,25S P0D PT0S -PT1.5S P12M"
    return [text(Period.parse(one)) for one in texts.split()]


def case_periods_refused():
    texts = [
        "",
        "P",
        "PT",
        "1D",
        "P1",
        "P1S",
        "P1DT",
        "P1D2M",
        "p1d",
        "P1.5D",
        "P-1D",
        "P1D ",
        " P1D",
        "PT1H1D",
        "P1H",
    ]
    texts += [
        "--P1D",
        "PT1M1H",
        "PT.5S",
        "PT1.S",
        "P1Y1Y",
        "PT1S1S",
        "P1MT",
        "-P",
        "PT1,2.3S",
        "P1D\n",
        "PT1_5S",
        "PT1:30S",
        "PT1 5S",
        "P1M2W3Y",
    ]
    return [tried(lambda one=one: text(Period.parse(one))) for one in texts]


def case_periods_written():
    given = [
        {"years": 1},
        {"months": 14},
        {"weeks": 2, "days": 3},
        {"hours": 25},
        {"minutes": 61},
        {"seconds": 3661},
    ]
    given += [
        {"seconds": 0.5},
        {"seconds": 1.25, "minutes": 2},
        {},
        {"days": -1},
        {"months": -13, "seconds": -90},
    ]
    given += [
        {"seconds": 100},
        {"seconds": 600, "days": 10},
        {"seconds": 0.000001},
        {"years": 10, "days": 100},
    ]
    given += [{"months": 1, "days": -1}, {"days": 1, "seconds": -1}, {"seconds": 86400}, {"seconds": 10.10}]
    return [tried(lambda one=one: str(Period(**one))) for one in given], repr(Period(1, 2, 3, 4, 5, 6, 7))


def case_periods_there_and_back():
    source = random.Random(5)
    rows = []
    for _ in range(60):
        period = Period(0, *(source.choice([0, 0, 1, 7, 59, 60, 100]) for _ in range(6)))
        rows.append((str(period), Period.parse(str(period)) == period, Period.parse(str(-period)) == -period))
    return rows


def case_period_arithmetic():
    one, two = Period(months=1, days=2, seconds=3), Period(years=1, hours=1)
    said = [one + two, one - two, two - one, -one, one * 3, 3 * one, one * 0, one * -1]
    wrong = [
        tried(lambda: one + 1),
        tried(lambda: one * 1.5),
        tried(lambda: one - "P1D"),
        one == "P1M",
        one != two,
    ]
    same = [
        Period(days=7) == Period(weeks=1),
        hash(Period(days=7)) == hash(Period(weeks=1)),
        len({one, one + Period()}),
    ]
    truth = [
        bool(Period()),
        bool(Period(months=1)),
        bool(Period(days=1)),
        bool(Period(seconds=1)),
        bool(one - one),
    ]
    return (
        text(said),
        wrong,
        same,
        truth,
        Period(days=1) == Period(hours=24),
        Period(months=12) == Period(days=365),
    )


def case_period_moves_dates():
    periods = ["P1M", "P1M1D", "-P1M", "-P1M1D", "P1Y", "P2W", "P0D", "-P1Y"]
    starts = [date(2024, 1, 30), date(2024, 1, 31), date(2024, 2, 29), date(2024, 3, 31)]
    return [[text(Period.parse(period).add_to(start)) for period in periods] for start in starts]


def case_period_moves_moments():
    start = datetime(2024, 1, 31, 23, 30)
    texts = """PT30M P1MT1H -PT23H30M1S PT0.5S PT0.0000015S PT0.0000005S P1DT-1S PT36H -P1MT0.25S
    PT0.000001S""".split()  # noqa: SIM905
    said = [tried(lambda one=one: text(Period.parse(one).add_to(start))) for one in texts]
    return (
        said,
        tried(Period(seconds=1).add_to, date(2024, 1, 1)),
        text(Period(days=1).add_to(date(2024, 1, 1))),
    )


def case_workdays():
    calendar = WorkCalendar([date(2024, 12, 25), date(2024, 5, 1)], [(12, 26), (1, 1)])
    days_ = [date(2024, 12, 20) + timedelta(days=n) for n in range(14)]
    truth = [
        calendar.is_workday(one) for one in [*days_, date(2025, 12, 25), date(2025, 12, 26), date(2025, 5, 1)]
    ]
    return truth, text([calendar.next(one) for one in days_]), text([calendar.previous(one) for one in days_])


def case_other_weekends():
    friday = WorkCalendar(weekend=[4, 5])
    none = WorkCalendar(weekend=())
    week = [date(2024, 1, 1) + timedelta(days=n) for n in range(8)]
    wrong = [tried(WorkCalendar, (), (), weekend) for weekend in ([7], range(7), [-1])]
    return [friday.is_workday(one) for one in week], [none.is_workday(one) for one in week], wrong


def case_roll():
    calendar = WorkCalendar([date(2024, 3, 29), date(2024, 4, 1)])
    days_ = [date(2024, 3, 27) + timedelta(days=n) for n in range(8)] + [date(2023, 12, 30), date(2024, 6, 1)]
    rows = [
        text([calendar.roll(one, how) for one in days_]) for how in ("following", "preceding", "modified")
    ]
    wrong = [tried(calendar.roll, one, "nearest") for one in days_[:3]]
    return rows, text([calendar.roll(one) for one in days_]), wrong


def case_add_workdays():
    calendar = WorkCalendar([date(2024, 1, 1), date(2024, 1, 15)])
    starts = [date(2023, 12, 29), date(2023, 12, 30), date(2023, 12, 31), date(2024, 1, 1), date(2024, 1, 12)]
    return [[text(calendar.add(start, n)) for n in range(-12, 13)] for start in starts]


def case_count_workdays():
    calendar = WorkCalendar([date(2024, 1, 1), date(2024, 1, 15)])
    days_ = [date(2023, 12, 29) + timedelta(days=n) for n in range(0, 20)]
    return [[calendar.count(one, other) for other in days_] for one in days_]


def case_nth_workday():
    calendar = WorkCalendar([date(2024, 12, 25), date(2024, 12, 31)], [(1, 1)])
    numbers = [1, 2, 5, 20, 21, 22, 23, -1, -2, -20, -21, -22, -23, 0]
    return [
        [tried(lambda m=month, n=number: text(calendar.nth(2024, m, n))) for number in numbers]
        for month in (1, 2, 6, 12)
    ]


def case_calendars_share_nothing():
    holidays = [date(2024, 1, 2)]
    one = WorkCalendar(holidays)
    holidays.append(date(2024, 1, 3))
    other = one.copy()
    other.holidays.add(date(2024, 1, 4))
    other.yearly.add((1, 5))
    given = {date(2024, 1, 8)}
    third = WorkCalendar(given)
    third.holidays.add(date(2024, 1, 9))
    third.yearly.add((2, 1))
    fourth = WorkCalendar()
    days_ = [date(2024, 1, n) for n in range(1, 11)] + [date(2024, 2, 1)]
    return [[calendar.is_workday(one) for one in days_] for calendar in (one, other, third, fourth)], len(
        given
    )


def case_copy_keeps_everything():
    copy = WorkCalendar([date(2024, 1, 2)], [(1, 3)], [0]).copy()
    return [copy.is_workday(date(2024, 1, n)) for n in range(1, 9)]


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


def case_daily():
    start = date(2024, 2, 27)
    rules = [Rule("daily", count=4), Rule("daily", 3, count=4), Rule("daily", 1, until=date(2024, 3, 1))]
    rules += [
        Rule("daily", 2, count=5, by_weekday=[0, 1, 4]),
        Rule("daily", 1, 9, date(2024, 2, 28)),
        Rule("daily", count=0),
    ]
    rules += [Rule("daily", until=start), Rule("daily", until=date(2024, 2, 26)), Rule("daily", 400, count=3)]
    return [text(rule.dates(start)) for rule in rules]


def case_weekly():
    rows = []
    for start in (date(2024, 1, 1), date(2024, 1, 3), date(2024, 1, 7)):
        for options in (
            {},
            {"by_weekday": [4, 0, 4]},
            {"by_weekday": [6]},
            {"interval": 2, "by_weekday": [1, 3]},
        ):
            rows.append(text(Rule("weekly", count=5, **options).dates(start)))
    return rows, text(Rule("weekly", 3, until=date(2024, 3, 1)).dates(date(2024, 1, 5)))


def case_monthly():
    rows = []
    for start in (date(2023, 1, 31), date(2024, 1, 29), date(2023, 11, 15)):
        for interval in (1, 2, 5, 12):
            rows.append(text(Rule("monthly", interval, count=6).dates(start)))
    return rows


def case_monthly_by_day():
    start = date(2024, 1, 20)
    choices = [[1], [-1], [31], [15, 1, -1], [30, -2], [29, -1], [-31], [-29], [20, 20], [0, 5]]
    return [text(Rule("monthly", by_monthday=choice, count=7).dates(start)) for choice in choices]


def case_monthly_by_weekday():
    start = date(2024, 1, 10)
    choices = [
        [0],
        [(1, 0)],
        [(-1, 4)],
        [(5, 2)],
        [(-5, 2)],
        [(2, 1), (4, 1)],
        [(-2, 6), 2],
        [(1, 0), (1, 0)],
        [(-4, 0)],
    ]
    return [text(Rule("monthly", by_weekday=choice, count=8).dates(start)) for choice in choices]


def case_friday_the_thirteenth():
    rule = Rule("monthly", by_weekday=[4], by_monthday=[13], count=6)
    last = Rule("monthly", by_weekday=[0, 1, 2, 3, 4], by_monthday=[-1], count=6)
    return text(rule.dates(date(2023, 1, 1))), text(last.dates(date(2024, 1, 1)))


def case_yearly():
    said = [
        Rule("yearly", count=4).dates(date(2024, 2, 29)),
        Rule("yearly", 3, count=4).dates(date(2023, 12, 31)),
    ]
    said += [
        Rule("yearly", count=3, by_weekday=[5, 6]).dates(date(2023, 7, 4)),
        Rule("yearly", 2, count=3).dates(date(2024, 2, 29)),
    ]
    said += [
        Rule("yearly", until=date(2026, 5, 1)).dates(date(2024, 5, 1)),
        Rule("yearly", count=3).dates(date(1896, 2, 29)),
    ]
    return text(said)


def case_exceptions_count_all_the_same():
    skip = [date(2024, 1, 2), date(2024, 1, 4), date(2025, 1, 1)]
    rule = Rule("daily", count=5, except_dates=skip)
    other = Rule("daily", until=date(2024, 1, 4), except_dates=iter(skip))
    return text([rule.dates(date(2024, 1, 1)), other.dates(date(2024, 1, 1)), other.dates(date(2024, 1, 1))])


def case_limits():
    start = date(2024, 1, 1)
    rule = Rule("daily", count=20)
    said = [
        len(Rule("daily").dates(start)),
        len(Rule("daily").dates(start, 7)),
        len(rule.dates(start, 7)),
        rule.dates(start, 0),
    ]
    return said, len(rule.dates(start)), text(next(iter(rule(start))))


def case_a_rule_is_used_again():
    rule = Rule("weekly", count=3, by_weekday=iter([0, 3]))
    first = text(rule.dates(date(2024, 1, 1)))
    return (
        first,
        text(rule.dates(date(2024, 1, 1))),
        text(rule.dates(date(2024, 6, 1))),
        text(rule.after(date(2024, 1, 1), date(2024, 1, 4))),
    )


def case_after():
    start = date(2024, 1, 31)
    rules = [Rule("monthly"), Rule("daily", 7, count=3), Rule("weekly", until=date(2024, 2, 14))]
    days_ = [
        date(2024, 1, 1),
        start,
        date(2024, 2, 1),
        date(2024, 2, 7),
        date(2024, 2, 14),
        date(2024, 3, 31),
    ]
    return [text([rule.after(start, one) for one in days_]) for rule in rules]


def case_between():
    start = date(2024, 1, 1)
    rules = [Rule("daily", 3), Rule("weekly", by_weekday=[1, 5]), Rule("monthly", by_monthday=[1, 15])]
    ranges = [
        (start, date(2024, 1, 16)),
        (date(2024, 1, 16), date(2024, 2, 1)),
        (date(2023, 1, 1), date(2023, 12, 31)),
    ]
    ranges += [(date(2024, 1, 13), date(2024, 1, 13)), (date(2024, 2, 1), date(2024, 1, 1))]
    return [[text(rule.between(start, *one)) for one in ranges] for rule in rules]


def case_the_end_of_the_calendar():
    start = date(9999, 11, 30)
    rules = [
        Rule("daily", 10),
        Rule("weekly", by_weekday=[0, 4]),
        Rule("monthly"),
        Rule("yearly"),
        Rule("monthly", 2),
    ]
    return (
        [text(rule.dates(start)) for rule in rules],
        text(Rule("daily").dates(date(9999, 12, 30))),
        text(Rule("weekly").dates(date(9999, 12, 17))),
    )


def case_wrong_rules():
    wrong = [
        {"frequency": "hourly"},
        {"frequency": "daily", "interval": 0},
        {"frequency": "daily", "interval": -1},
    ]
    wrong += [{"frequency": one, "by_monthday": [1]} for one in ("daily", "weekly", "yearly", "monthly")]
    return [type(tried(lambda one=one: Rule(**one))).__name__ for one in wrong]
