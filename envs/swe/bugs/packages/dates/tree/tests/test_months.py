from datetime import date, datetime

import pytest
from dates import add_months, age, ago, days_in_month, is_leap, month_end, months_between, ordinal, quarter


@pytest.mark.parametrize("year, leap", [(2024, True), (2023, False), (1900, False), (2000, True)])
def test_leap_years(year, leap):
    assert is_leap(year) is leap


def test_days_in_month():
    assert days_in_month(2023, 2) == 28
    assert days_in_month(2024, 2) == 29
    assert days_in_month(2023, 12) == 31
    with pytest.raises(ValueError):
        days_in_month(2023, 13)


def test_add_months():
    assert add_months(date(2024, 1, 15), 1) == date(2024, 2, 15)
    assert add_months(date(2024, 1, 31), 1) == date(2024, 2, 29)
    assert add_months(date(2023, 11, 30), 3) == date(2024, 2, 29)
    assert add_months(date(2024, 1, 15), -1) == date(2023, 12, 15)


def test_add_months_keeps_the_time():
    assert add_months(datetime(2024, 1, 31, 12, 30), 1) == datetime(2024, 2, 29, 12, 30)


def test_month_end():
    assert month_end(date(2023, 2, 3)) == date(2023, 2, 28)


def test_months_between():
    assert months_between(date(2024, 1, 15), date(2024, 3, 15)) == 2
    assert months_between(date(2024, 1, 15), date(2024, 3, 14)) == 1
    assert months_between(date(2024, 3, 15), date(2024, 1, 15)) == -2


def test_quarter():
    assert quarter(date(2024, 1, 1)) == (2024, 1)
    assert quarter(date(2024, 12, 31)) == (2024, 4)
    assert quarter(date(2024, 7, 1), first_month=7) == (2025, 1)


def test_ordinals():
    assert [ordinal(n) for n in (1, 2, 3, 4, 11, 21)] == ["1st", "2nd", "3rd", "4th", "11th", "21st"]


def test_age():
    assert age(date(2000, 5, 10), date(2024, 5, 9)) == 23
    assert age(date(2000, 5, 10), date(2024, 5, 10)) == 24


def test_ago():
    today = date(2024, 3, 10)
    assert ago(today, today) == "today"
    assert ago(date(2024, 3, 13), today) == "in 3 days"
    assert ago(date(2024, 2, 20), today) == "2 weeks ago"
    assert ago(date(2020, 3, 10), today) == "4 years ago"
