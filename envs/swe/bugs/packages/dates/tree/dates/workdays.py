"""Working days."""

from datetime import date, timedelta

_DAY = timedelta(days=1)


class WorkCalendar:
    """Which days are worked on.

    holidays: dates on which nobody works, in one year.
    yearly: (month, day) pairs on which nobody works, in any year.
    weekend: days of the week on which nobody works; Monday is 0.
    """

    def __init__(self, holidays=(), yearly=(), weekend=(5, 6)):
        self.holidays = set(holidays)
        self.yearly = set(yearly)
        self.weekend = frozenset(weekend)
        if not self.weekend <= set(range(7)) or len(self.weekend) == 7:
            raise ValueError("weekend must name some days of 0 to 6, and not all")

    def is_workday(self, day):
        """Tell whether a date is worked on."""
        if day.weekday() in self.weekend:
            return False
        return day not in self.holidays and (day.month, day.day) not in self.yearly

    def next(self, day):
        """Return the first working day after a date."""
        return self._walk(day, _DAY)

    def previous(self, day):
        """Return the last working day before a date."""
        return self._walk(day, -_DAY)

    def roll(self, day, how="following"):
        """Return a working day itself, and another day moved.

        how: "following" to the next working day; "preceding" to the one before; "modified" to the
        next one, unless that lies in another month: then to the one before.
        """
        if how not in ("following", "preceding", "modified"):
            raise ValueError(f"{how!r} is not one of following, preceding, modified")
        if self.is_workday(day):
            return day
        if how == "preceding":
            return self.previous(day)
        moved = self.next(day)
        if how == "modified" and moved.month != day.month:
            return self.previous(day)
        return moved

    def add(self, day, count):
        """Move a date by working days; by none it rolls on to a working day."""
        if count == 0:
            return self.roll(day)
        step = self.next if count > 0 else self.previous
        for _ in range(abs(count)):
            day = step(day)
        return day

    def count(self, start, end):
        """Count the working days from one date up to another, without that; negative if it is earlier."""
        if end < start:
            return -self.count(end, start)
        return sum(1 for number in range((end - start).days) if self.is_workday(start + number * _DAY))

    def nth(self, year, month, number):
        """Return the n-th working day of a month, from its end where n is negative.

        Raises ValueError if there are not so many, or n is zero.
        """
        if number == 0:
            raise ValueError("working days are counted from 1, or from -1 backwards")
        first = date(year, month, 1)
        following = date(year + month // 12, month % 12 + 1, 1)
        days = [first + n * _DAY for n in range((following - first).days)]
        days = [day for day in days if self.is_workday(day)]
        if abs(number) > len(days):
            raise ValueError(f"{year}-{month:02d} has {len(days)} working days")
        return days[number - 1] if number > 0 else days[number]

    def copy(self):
        """Return a calendar of its own with the same days."""
        return WorkCalendar(self.holidays, self.yearly, self.weekend)

    def _walk(self, day, step):
        day += step
        while not self.is_workday(day):
            day += step
        return day
