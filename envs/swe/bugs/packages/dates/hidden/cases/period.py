"""Hidden cases of dates: period."""

import random
from datetime import date, datetime

from cases.shared import text
from dates import Period
from judging import tried


def case_periods_parsed():
    texts = "P1Y P2M P3W P4D PT5H PT6M PT7S P1Y2M3W4DT5H6M7S -P1Y2M +P1D PT0.5S PT1,25S P0D PT0S -PT1.5S P12M"
    return [text(Period.parse(one)) for one in texts.split()]


def case_periods_refused():
    texts = [
        "",
        "P",
        "PT",
        "1D",
        "P1",
        "P1S",
        "P1DT",
        "P1D2M",
        "p1d",
        "P1.5D",
        "P-1D",
        "P1D ",
        " P1D",
        "PT1H1D",
        "P1H",
    ]
    texts += [
        "--P1D",
        "PT1M1H",
        "PT.5S",
        "PT1.S",
        "P1Y1Y",
        "PT1S1S",
        "P1MT",
        "-P",
        "PT1,2.3S",
        "P1D\n",
        "PT1_5S",
        "PT1:30S",
        "PT1 5S",
        "P1M2W3Y",
    ]
    return [tried(lambda one=one: text(Period.parse(one))) for one in texts]


def case_periods_written():
    given = [
        {"years": 1},
        {"months": 14},
        {"weeks": 2, "days": 3},
        {"hours": 25},
        {"minutes": 61},
        {"seconds": 3661},
    ]
    given += [
        {"seconds": 0.5},
        {"seconds": 1.25, "minutes": 2},
        {},
        {"days": -1},
        {"months": -13, "seconds": -90},
    ]
    given += [
        {"seconds": 100},
        {"seconds": 600, "days": 10},
        {"seconds": 0.000001},
        {"years": 10, "days": 100},
    ]
    given += [{"months": 1, "days": -1}, {"days": 1, "seconds": -1}, {"seconds": 86400}, {"seconds": 10.10}]
    return [tried(lambda one=one: str(Period(**one))) for one in given], repr(Period(1, 2, 3, 4, 5, 6, 7))


def case_periods_there_and_back():
    source = random.Random(5)
    rows = []
    for _ in range(60):
        period = Period(0, *(source.choice([0, 0, 1, 7, 59, 60, 100]) for _ in range(6)))
        rows.append((str(period), Period.parse(str(period)) == period, Period.parse(str(-period)) == -period))
    return rows


def case_period_arithmetic():
    one, two = Period(months=1, days=2, seconds=3), Period(years=1, hours=1)
    said = [one + two, one - two, two - one, -one, one * 3, 3 * one, one * 0, one * -1]
    wrong = [
        tried(lambda: one + 1),
        tried(lambda: one * 1.5),
        tried(lambda: one - "P1D"),
        one == "P1M",
        one != two,
    ]
    same = [
        Period(days=7) == Period(weeks=1),
        hash(Period(days=7)) == hash(Period(weeks=1)),
        len({one, one + Period()}),
    ]
    truth = [
        bool(Period()),
        bool(Period(months=1)),
        bool(Period(days=1)),
        bool(Period(seconds=1)),
        bool(one - one),
    ]
    return (
        text(said),
        wrong,
        same,
        truth,
        Period(days=1) == Period(hours=24),
        Period(months=12) == Period(days=365),
    )


def case_period_moves_dates():
    periods = ["P1M", "P1M1D", "-P1M", "-P1M1D", "P1Y", "P2W", "P0D", "-P1Y"]
    starts = [date(2024, 1, 30), date(2024, 1, 31), date(2024, 2, 29), date(2024, 3, 31)]
    return [[text(Period.parse(period).add_to(start)) for period in periods] for start in starts]


def case_period_moves_moments():
    start = datetime(2024, 1, 31, 23, 30)
    texts = """PT30M P1MT1H -PT23H30M1S PT0.5S PT0.0000015S PT0.0000005S P1DT-1S PT36H -P1MT0.25S
    PT0.000001S""".split()  # noqa: SIM905
    said = [tried(lambda one=one: text(Period.parse(one).add_to(start))) for one in texts]
    return (
        said,
        tried(Period(seconds=1).add_to, date(2024, 1, 1)),
        text(Period(days=1).add_to(date(2024, 1, 1))),
    )
