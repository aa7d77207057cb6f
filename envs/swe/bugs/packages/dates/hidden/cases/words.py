"""Hidden cases of dates: words."""

from datetime import date, timedelta

from dates import age, ago, ordinal
from judging import tried


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
