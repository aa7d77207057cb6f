"""Recurring dates."""

import itertools
from datetime import MAXYEAR, date, timedelta

from .months import days_in_month

_FREQUENCIES = ("daily", "weekly", "monthly", "yearly")


class Rule:
    """Dates that come again.

    frequency: "daily", "weekly", "monthly" or "yearly".
    interval: every so many days, weeks, months or years.
    count: how many dates there are at most.
    until: the last date that may come.
    by_weekday: days of the week, Monday is 0; in monthly rules also (n, weekday) for the n-th of
        the month, -1 for the last.
    by_monthday: days of the month, -1 is the last; for monthly rules.
    except_dates: dates that are left out, and count all the same.
    """

    def __init__(
        self,
        frequency,
        interval=1,
        count=None,
        until=None,
        by_weekday=(),
        by_monthday=(),
        except_dates=(),
    ):
        if frequency not in _FREQUENCIES:
            raise ValueError(f"{frequency!r} is not one of {', '.join(_FREQUENCIES)}")
        if interval < 1:
            raise ValueError("interval must be at least 1")
        if by_monthday and frequency != "monthly":
            raise ValueError("by_monthday is for monthly rules")
        self.frequency = frequency
        self.interval = interval
        self.count = count
        self.until = until
        self.by_weekday = tuple(by_weekday)
        self.by_monthday = tuple(by_monthday)
        self.except_dates = frozenset(except_dates)

    def __call__(self, start):
        """Yield the dates from a start on, in order; without count or until they end with the calendar."""
        dates = itertools.chain.from_iterable(self._groups(start))
        dates = (day for day in dates if day >= start)
        if self.until is not None:
            dates = itertools.takewhile(lambda day: day <= self.until, dates)
        if self.count is not None:
            dates = itertools.islice(dates, self.count)
        return (day for day in dates if day not in self.except_dates)

    def dates(self, start, limit=1000):
        """Return the dates from a start on as a list, at most so many."""
        return list(itertools.islice(self(start), limit))

    def after(self, start, day):
        """Return the first date of the rule that lies after a day, or None."""
        return next((one for one in self(start) if one > day), None)

    def between(self, start, first, last):
        """Return the dates of the rule from `first` to `last`, both included."""
        dates = itertools.takewhile(lambda day: day <= last, self(start))
        return [day for day in dates if day >= first]

    def _groups(self, start):
        """Yield the sorted dates of each day, week, month or year that counts."""
        if self.frequency == "daily":
            return self._days(start)
        if self.frequency == "weekly":
            return self._weeks(start)
        if self.frequency == "monthly":
            return self._months(start)
        return self._years(start)

    def _days(self, start):
        while True:
            if not self.by_weekday or start.weekday() in self.by_weekday:
                yield [start]
            if (date.max - start).days < self.interval:
                return
            start += timedelta(days=self.interval)

    def _weeks(self, start):
        monday = start - timedelta(days=start.weekday())
        weekdays = sorted(set(self.by_weekday)) or [start.weekday()]
        while True:
            left = (date.max - monday).days
            yield [monday + timedelta(days=number) for number in weekdays if number <= left]
            if left < 7 * self.interval:
                return
            monday += timedelta(weeks=self.interval)

    def _months(self, start):
        month = start.year * 12 + start.month - 1
        while month // 12 <= MAXYEAR:
            yield self._month(month // 12, month % 12 + 1, start)
            month += self.interval

    def _month(self, year, month, start):
        length = days_in_month(year, month)
        if not self.by_weekday and not self.by_monthday:
            numbers = {start.day}
        else:
            numbers = {number if number > 0 else length + 1 + number for number in self.by_monthday}
            if self.by_weekday:
                weekdays = self._weekdays(date(year, month, 1).weekday(), length)
                numbers = numbers & weekdays if self.by_monthday else weekdays
        return [date(year, month, number) for number in sorted(numbers) if 1 <= number <= length]

    def _weekdays(self, first, length):
        """Return the days of a month that by_weekday names; `first` is the weekday of its first day."""
        numbers = set()
        for one in self.by_weekday:
            nth, weekday = one if isinstance(one, tuple) else (None, one)
            days = list(range(1 + (weekday - first) % 7, length + 1, 7))
            if nth is None:
                numbers.update(days)
            elif nth > 0:
                numbers.update(days[nth - 1 : nth])
            elif -nth <= len(days):
                numbers.add(days[nth])
        return numbers

    def _years(self, start):
        for year in range(start.year, MAXYEAR + 1, self.interval):
            if start.day <= days_in_month(year, start.month):
                day = start.replace(year=year)
                yield [day] if not self.by_weekday or day.weekday() in self.by_weekday else []
