"""Hidden cases of dates: recur."""

from datetime import date

from cases.shared import text
from dates import Rule
from judging import tried


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
