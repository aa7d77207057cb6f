"""Periods as ISO 8601 writes them."""

import re
from datetime import datetime, timedelta
from decimal import Decimal

from .months import add_months

_NUMBER = r"(\d+(?:[.,]\d+)?)"
_PATTERN = re.compile(
    rf"([+-])?P(?=\d|T\d)(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?"
    rf"(?:T(?=\d)(?:(\d+)H)?(?:(\d+)M)?(?:{_NUMBER}S)?)?"
)


class Period:
    """A length of time in months, days and seconds, none of which can be said in the others."""

    __slots__ = ("days", "months", "seconds")

    def __init__(self, years=0, months=0, weeks=0, days=0, hours=0, minutes=0, seconds=0):
        self.months = years * 12 + months
        self.days = weeks * 7 + days
        self.seconds = Decimal(str(seconds)) + minutes * 60 + hours * 3600

    @classmethod
    def parse(cls, text):
        """Read an ISO 8601 duration; raise ValueError if it is not one."""
        match = _PATTERN.fullmatch(text)
        if match is None:
            raise ValueError(f"{text!r} is no ISO 8601 duration")
        sign, *numbers = match.groups()
        years, months, weeks, days, hours, minutes = (int(number or 0) for number in numbers[:6])
        seconds = Decimal((numbers[6] or "0").replace(",", "."))
        period = cls(years, months, weeks, days, hours, minutes, seconds)
        return -period if sign == "-" else period

    def __str__(self):
        parts = (self.months, self.days, self.seconds)
        if any(part < 0 for part in parts):
            if any(part > 0 for part in parts):
                raise ValueError("a period of mixed signs cannot be written")
            return f"-{-self}"
        years, months = divmod(self.months, 12)
        minutes, seconds = divmod(self.seconds, 60)
        hours, minutes = divmod(int(minutes), 60)
        head = _parts((years, "Y"), (months, "M"), (self.days, "D"))
        tail = _parts((hours, "H"), (minutes, "M"), (seconds, "S"))
        return f"P{head}T{tail}" if tail else f"P{head or '0D'}"

    def __repr__(self):
        return f"Period(months={self.months}, days={self.days}, seconds={self.seconds})"

    def __eq__(self, other):
        if not isinstance(other, Period):
            return NotImplemented
        return (self.months, self.days, self.seconds) == (other.months, other.days, other.seconds)

    def __hash__(self):
        return hash((self.months, self.days, self.seconds))

    def __bool__(self):
        return bool(self.months or self.days or self.seconds)

    def __neg__(self):
        return Period(months=-self.months, days=-self.days, seconds=-self.seconds)

    def __add__(self, other):
        if not isinstance(other, Period):
            return NotImplemented
        return Period(
            months=self.months + other.months,
            days=self.days + other.days,
            seconds=self.seconds + other.seconds,
        )

    def __sub__(self, other):
        if not isinstance(other, Period):
            return NotImplemented
        return self + -other

    def __mul__(self, factor):
        if not isinstance(factor, int):
            return NotImplemented
        return Period(months=self.months * factor, days=self.days * factor, seconds=self.seconds * factor)

    __rmul__ = __mul__

    def add_to(self, moment):
        """Move a date or a datetime: first by the months, then by the days, then by the seconds.

        A date cannot move by seconds: TypeError.
        """
        if self.seconds and not isinstance(moment, datetime):
            raise TypeError("a date without a time cannot move by seconds")
        moved = add_months(moment, self.months) + timedelta(days=self.days)
        if not self.seconds:
            return moved
        return moved + timedelta(microseconds=round(self.seconds * 1_000_000))


def _parts(*parts):
    return "".join(f"{_plain(number)}{letter}" for number, letter in parts if number)


def _plain(number):
    """Write a number without an exponent and without zeros at its end."""
    text = f"{number:f}" if isinstance(number, Decimal) else str(number)
    return text.rstrip("0").rstrip(".") if "." in text else text
