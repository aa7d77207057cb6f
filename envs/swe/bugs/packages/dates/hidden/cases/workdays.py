"""Hidden cases of dates: workdays."""

from datetime import date, timedelta

from cases.shared import text
from dates import WorkCalendar
from judging import tried


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
