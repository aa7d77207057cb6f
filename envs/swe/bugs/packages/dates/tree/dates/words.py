"""Dates in words."""

from .months import months_between


def ordinal(number):
    """Return 1st, 2nd, 3rd, 4th, ..., 11th, ..., 21st."""
    if number < 0:
        raise ValueError("an ordinal is not negative")
    if number % 100 in (11, 12, 13):
        return f"{number}th"
    return f"{number}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th') }"


def age(born, on):
    """Return somebody's age in years; one born on 29 February turns older on the 28th in other years."""
    if on < born:
        raise ValueError("nobody has an age before birth")
    return months_between(born, on) // 12


def ago(day, today):
    """Say how far a date lies from today: "today", "yesterday", "in 2 weeks", "3 months ago".

    Below 14 days in days, below two months in weeks, below two years in months, else in years;
    what is over is left out.
    """
    distance = (day - today).days
    if distance in (-1, 0, 1):
        return ("yesterday", "today", "tomorrow")[distance + 1]
    months = abs(months_between(today, day))
    if abs(distance) < 14:
        number, unit = abs(distance), "day"
    elif months < 2:
        number, unit = abs(distance) // 7, "week"
    elif months < 24:
        number, unit = months, "month"
    else:
        number, unit = months // 12, "year"
    words = f"{number} {unit}" if number == 1 else f"{number} {unit}s"
    return f"in {words}" if distance > 0 else f"{words} ago"
