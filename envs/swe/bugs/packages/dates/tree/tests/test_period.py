from datetime import date, datetime

import pytest
from dates import Period


def test_parse():
    assert Period.parse("P1Y2M10DT2H30M") == Period(years=1, months=2, days=10, hours=2, minutes=30)
    assert Period.parse("P3W") == Period(days=21)
    assert Period.parse("-P1D") == Period(days=-1)


@pytest.mark.parametrize("text", ["", "P", "PT", "1D", "P1", "P1S", "P1DT"])
def test_no_period(text):
    with pytest.raises(ValueError):
        Period.parse(text)


@pytest.mark.parametrize("text", ["P1Y2M10DT2H30M", "P0D", "PT36H", "P1D", "-P1M", "PT0.5S"])
def test_as_text(text):
    assert str(Period.parse(text)) == text


def test_arithmetic():
    day, month = Period(days=1), Period(months=1)
    assert day + month == Period(months=1, days=1)
    assert month - day == Period(months=1, days=-1)
    assert 3 * day == Period(days=3)


def test_add_to():
    assert Period.parse("P1M").add_to(date(2024, 1, 31)) == date(2024, 2, 29)
    assert Period.parse("P1MT1H").add_to(datetime(2024, 1, 1)) == datetime(2024, 2, 1, 1)
    with pytest.raises(TypeError):
        Period(seconds=1).add_to(date(2024, 1, 1))
