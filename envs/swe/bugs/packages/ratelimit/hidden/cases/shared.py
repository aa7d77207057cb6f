"""Hidden cases of ratelimit: what several files of them use."""

import math

from judging import tried
from ratelimit import Keyed, ManualClock, SlidingLog


def numbers_from(seed):
    while True:
        seed = (seed * 1103515245 + 12345) % 2**31
        yield seed >> 8


def plain(decision):
    """A decision as a list of floats, so that 1 and 1.0 are the same, and the last bits do not count."""
    if decision[0] == "raised":
        return list(decision)
    rounded = [round(float(number), 6) + 0.0 for number in decision[1:]]
    names = (decision.limit, decision.remaining, decision.retry_after, decision.reset_after)
    return [bool(decision.allowed), *rounded, tuple(names) == tuple(decision[1:])]


def tokens(bucket):
    return round(float(bucket.tokens), 6) + 0.0


def random_run(make, seed, steps=40, most=6, longest=24, part=4):
    """Check and take random amounts at random times, and say what came of it."""
    numbers = numbers_from(seed)
    clock = ManualClock(float(seed))
    limiter = make(clock)
    found = []
    for _ in range(steps):
        clock.advance((next(numbers) % longest) / part)
        amount = 1 + next(numbers) % most
        if next(numbers) % 4 == 0:
            found.append(plain(tried(limiter.check, amount)))
        found.append(plain(tried(limiter.take, amount)))
    return found


def waits_are_true(make, seed):
    """After the wait that was told it is allowed, and shortly before it is not."""
    numbers = numbers_from(seed)
    clock = ManualClock(float(seed))
    limiter = make(clock)
    found = []
    for _ in range(30):
        amount = 1 + next(numbers) % 4
        decision = limiter.take(amount)
        if decision.allowed:
            clock.advance((next(numbers) % 8) / 4)
            continue
        then = round(decision.retry_after, 6) + clock()
        before, after = math.ceil(then * 64 - 1) / 64, math.ceil(then * 64) / 64
        clock.advance(max(0.0, before - clock()))
        early = limiter.check(amount).allowed
        clock.advance(after - clock())
        found.append([round(decision.retry_after, 6), early, limiter.check(amount).allowed])
    return found


def clients(**kwargs):
    clock = ManualClock(1000)
    made = []

    def make():
        made.append(1)
        return SlidingLog(3, 100, clock=clock)

    return clock, Keyed(make, clock=clock, **kwargs), made
