"""Hidden cases of ratelimit: combined."""

from cases.shared import clients, plain, random_run, tokens
from judging import tried
from ratelimit import Combined, FixedWindow, ManualClock, SlidingLog, TokenBucket


def _pair(clock):
    return Combined(
        SlidingLog(6, 2, clock=clock), TokenBucket(0.5, 8, clock=clock), FixedWindow(9, 20, clock=clock)
    )


def case_combined_random():
    return [random_run(_pair, seed, most=7, longest=12) for seed in range(5)]


def case_combined_uses_nothing_up():
    found = []
    for turn in range(3):
        clock = ManualClock()
        parts = [
            TokenBucket(1, 10, clock=clock),
            SlidingLog(3, 30, clock=clock),
            FixedWindow(4, 60, clock=clock),
        ]
        both = Combined(*parts[turn:], *parts[:turn])
        for amount in (2, 2, 1, 1, 3, 4, 1):
            found.append(plain(tried(both.take, amount)))
            found.append(plain(tried(both.check, amount)))
            found.append([plain(part.check()) for part in parts])
            clock.advance(4)
    return found


def case_amounts_by_default():
    clock = ManualClock()
    _, keyed, _ = clients()
    found = [plain(_pair(clock).check()), plain(_pair(clock).take()), plain(keyed.check("a"))]
    return [*found, plain(keyed.take("a")), plain(keyed.check("a")), plain(keyed.take("a"))]


def case_combined_of_combined():
    clock = ManualClock()
    bucket = TokenBucket(1, 10, clock=clock)
    outer = Combined(Combined(bucket, SlidingLog(5, 10, clock=clock)), SlidingLog(3, 5, clock=clock))
    found = [[plain(outer.take(2)), tokens(bucket)] for _ in range(4)]
    return [*found, tried(Combined), len(outer.limiters), plain(Combined(bucket).take())]
