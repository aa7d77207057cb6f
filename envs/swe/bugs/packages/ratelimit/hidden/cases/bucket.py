"""Hidden cases of ratelimit: bucket."""

from cases.shared import plain, random_run, tokens, waits_are_true
from judging import tried
from ratelimit import (
    Backoff,
    FixedWindow,
    Keyed,
    Leases,
    ManualClock,
    SlidingCounter,
    SlidingLog,
    TokenBucket,
)


def case_bucket_at_first():
    found = []
    for rate, capacity in ((2, 5), (0.5, 1), (8, 0.5), (1, 100)):
        bucket = TokenBucket(rate, capacity, clock=ManualClock(9))
        found += [tokens(bucket), bucket.rate, bucket.capacity]
        found += [plain(tried(bucket.check, amount)) for amount in (0, 0.25, 0.5, 1, 5, 100, 101, -2)]
        found.append(plain(tried(bucket.take)))
    return found


def case_bucket_random():
    settings = ((2, 5), (0.5, 6), (4, 3), (0.25, 8), (0.125, 6))
    return [
        random_run(lambda clock, one=one: TokenBucket(*one, clock=clock), seed)
        for seed, one in enumerate(settings)
    ]


def case_bucket_waits():
    return [waits_are_true(lambda clock: TokenBucket(0.5, 4, clock=clock), seed) for seed in range(4)]


def case_bucket_refills():
    found = []
    for seconds in (0, 0.25, 0.5, 1, 1.75, 2.5, 3, 60, 10000):
        clock = ManualClock(50)
        bucket = TokenBucket(2, 5, clock=clock)
        bucket.take(5)
        clock.advance(seconds)
        found += [tokens(bucket), plain(bucket.check(3)), tokens(bucket)]
    return found


def case_bucket_never_overflows():
    clock = ManualClock()
    bucket = TokenBucket(4, 3, clock=clock)
    found = []
    for seconds in (0.25, 1, 5, 0.5, 1000):
        clock.advance(seconds)
        found += [tokens(bucket), plain(bucket.take(2)), plain(bucket.check(2))]
    return found


def case_bucket_looked_at_often():
    found = []
    for rate, step, looks in (
        (1, 0.25, 12),
        (0.5, 0.125, 40),
        (3, 0.0625, 16),
        (0.25, 0.5, 20),
        (2, 0.75, 3),
    ):
        for look in ("tokens", "check", "take"):
            clock = ManualClock(7)
            bucket = TokenBucket(rate, 8, clock=clock)
            bucket.take(8)
            for _ in range(looks):
                clock.advance(step)
                if look == "tokens":
                    _ = bucket.tokens
                elif look == "check":
                    bucket.check(8)
                else:
                    bucket.take(8)
            found.append(tokens(bucket))
    return found


def case_bucket_give_back():
    clock = ManualClock()
    bucket = TokenBucket(1, 6, clock=clock)
    found = []
    for taken, returned, seconds in ((4, 1, 0), (2, 0.5, 0.5), (1, 9, 2), (6, 2, 1), (3, 1, 0.25)):
        bucket.take(taken)
        clock.advance(seconds)
        bucket.give_back(returned)
        found.append(tokens(bucket))
    bucket.take(2)
    bucket.give_back()
    return [*found, tokens(bucket)]


def case_bucket_and_a_clock_that_runs_backwards():
    moment = [10]
    bucket = TokenBucket(1, 4, clock=lambda: moment[0])
    bucket.take(4)
    found = []
    for now in (10, 12, 4, 5, 11, 12, 13, 12.5, 13.5):
        moment[0] = now
        found.append(tokens(bucket))
    return found


def case_bad_settings():
    found = []
    for one, other in ((0, 1), (1, 0), (-1, 1), (1, -1), (0.5, 0.5)):
        for kind in (TokenBucket, FixedWindow, SlidingLog, SlidingCounter, Leases):
            made = tried(kind, one, other)
            found.append(made if isinstance(made, tuple) else "made")
        made = tried(Keyed, dict, max_keys=one, idle=other)
        found.append(made if isinstance(made, tuple) else "made")
    for first, factor, longest in (
        (0, 1, 1),
        (1, 0.5, 1),
        (1, 1, 0),
        (-1, 2, 1),
        (1, 1, -1),
        (1, 1, 1),
        (0.5, 2, 0.5),
    ):
        made = tried(Backoff, first, factor, longest)
        found.append(made if isinstance(made, tuple) else [made.first, made.factor, made.longest])
    return found
