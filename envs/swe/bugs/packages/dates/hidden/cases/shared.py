"""Hidden cases of dates: what several files of them use."""

from datetime import date, datetime

from dates import Period, Span


def text(value):
    """Return dates and spans as plain values, also inside of lists."""
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    if isinstance(value, Span):
        return (value.start.isoformat(), value.end.isoformat())
    if isinstance(value, Period):
        return ("period", value.months, value.days, str(value.seconds + 0))
    return [text(one) for one in value] if isinstance(value, list) else value
