"""Arithmetic with months, working days, periods, spans and recurring dates."""

from .months import add_months, days_in_month, is_leap, month_end, months_between, quarter
from .period import Period
from .recur import Rule
from .spans import Span, gaps, merge
from .words import age, ago, ordinal
from .workdays import WorkCalendar

__all__ = [
    "Period",
    "Rule",
    "Span",
    "WorkCalendar",
    "add_months",
    "age",
    "ago",
    "days_in_month",
    "gaps",
    "is_leap",
    "merge",
    "month_end",
    "months_between",
    "ordinal",
    "quarter",
]
