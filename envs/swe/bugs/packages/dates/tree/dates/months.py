"""Months: how long they are, and how to count in them."""

_LENGTHS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def is_leap(year):
    """Tell whether a year of the Gregorian calendar has 366 days."""
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def days_in_month(year, month):
    """Return the length of a month."""
    if not 1 <= month <= 12:
        raise ValueError(f"month {month} is not one of 1 to 12")
    return 29 if month == 2 and is_leap(year) else _LENGTHS[month - 1]


def month_end(day):
    """Return the last day of a date's month."""
    return day.replace(day=days_in_month(day.year, day.month))


def add_months(day, months):
    """Move a date, or a datetime, by months; where the day does not exist, to the last of the month."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    month += 1
    return day.replace(year=year, month=month, day=min(day.day, days_in_month(year, month)))


def months_between(start, end):
    """Return how many whole months lead from one date to another; negative if the other is earlier."""
    months = (end.year - start.year) * 12 + end.month - start.month
    if months > 0 and add_months(start, months) > end:
        months -= 1
    elif months < 0 and add_months(start, months) < end:
        months += 1
    return months


def quarter(day, first_month=1):
    """Return (year, quarter) of a date in a year that begins with `first_month`.

    A year is named after the calendar year in which it ends, so that with `first_month=7`
    July 2024 lies in the first quarter of 2025.
    """
    shifted = (day.month - first_month) % 12
    year = day.year + (1 if first_month > 1 and day.month >= first_month else 0)
    return year, shifted // 3 + 1
