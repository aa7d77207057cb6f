from datetime import date

import pytest
from dates import Rule, Span, WorkCalendar, gaps, merge


def days(*texts):
    return [date.fromisoformat(text) for text in texts]


def test_workdays():
    calendar = WorkCalendar(holidays=[date(2024, 12, 25)])
    assert calendar.add(date(2024, 12, 24), 1) == date(2024, 12, 26)
    assert calendar.add(date(2024, 12, 23), -1) == date(2024, 12, 20)
    assert calendar.count(date(2024, 12, 23), date(2024, 12, 30)) == 4


def test_roll():
    calendar = WorkCalendar()
    assert calendar.roll(date(2024, 3, 30)) == date(2024, 4, 1)
    assert calendar.roll(date(2024, 3, 30), "modified") == date(2024, 3, 29)
    assert calendar.roll(date(2024, 3, 29)) == date(2024, 3, 29)


def test_nth_workday():
    assert WorkCalendar().nth(2024, 6, 1) == date(2024, 6, 3)
    assert WorkCalendar().nth(2024, 6, -1) == date(2024, 6, 28)


def test_spans():
    span = Span(date(2024, 1, 1), date(2024, 2, 1))
    assert span.days == 31
    assert date(2024, 1, 31) in span
    assert date(2024, 2, 1) not in span


def test_merge():
    one, two, three = days("2024-01-01", "2024-01-05", "2024-01-09")
    assert merge([Span(two, three), Span(one, two)]) == [Span(one, three)]


def test_gaps():
    one, two, three, four = days("2024-01-01", "2024-01-05", "2024-01-09", "2024-01-12")
    assert gaps([Span(two, three)], Span(one, four)) == [Span(one, two), Span(three, four)]


def test_daily():
    rule = Rule("daily", interval=2, count=3)
    assert rule.dates(date(2024, 2, 27)) == days("2024-02-27", "2024-02-29", "2024-03-02")


def test_weekly():
    rule = Rule("weekly", by_weekday=[0, 2], until=date(2024, 1, 10))
    assert rule.dates(date(2024, 1, 2)) == days("2024-01-03", "2024-01-08", "2024-01-10")


def test_monthly():
    assert Rule("monthly", count=3).dates(date(2024, 1, 31)) == days("2024-01-31", "2024-03-31", "2024-05-31")
    last = Rule("monthly", by_monthday=[-1], count=2)
    assert last.dates(date(2024, 1, 1)) == days("2024-01-31", "2024-02-29")
    second_friday = Rule("monthly", by_weekday=[(2, 4)], count=2)
    assert second_friday.dates(date(2024, 1, 1)) == days("2024-01-12", "2024-02-09")


def test_yearly():
    assert Rule("yearly", count=2).dates(date(2024, 2, 29)) == days("2024-02-29", "2028-02-29")


def test_after_and_between():
    rule = Rule("daily", interval=3)
    assert rule.after(date(2024, 1, 1), date(2024, 1, 4)) == date(2024, 1, 7)
    assert rule.between(date(2024, 1, 1), date(2024, 1, 4), date(2024, 1, 10)) == days(
        "2024-01-04", "2024-01-07", "2024-01-10"
    )


def test_wrong_rules():
    with pytest.raises(ValueError):
        Rule("hourly")
    with pytest.raises(ValueError):
        Rule("daily", interval=0)
