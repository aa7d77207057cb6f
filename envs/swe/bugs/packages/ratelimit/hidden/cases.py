"""Hidden cases of ratelimit. Times and amounts are such that floats hold them exactly, or are rounded."""

import math

import ratelimit
from judging import tried
from ratelimit import (
    Backoff,
    Combined,
    FixedWindow,
    Keyed,
    Leases,
    ManualClock,
    SlidingCounter,
    SlidingLog,
    TokenBucket,
)


def _numbers(seed):
    while True:
        seed = (seed * 1103515245 + 12345) % 2**31
        yield seed >> 8


def _plain(decision):
    """A decision as a list of floats, so that 1 and 1.0 are the same, and the last bits do not count."""
    if decision[0] == "raised":
        return list(decision)
    rounded = [round(float(number), 6) + 0.0 for number in decision[1:]]
    names = (decision.limit, decision.remaining, decision.retry_after, decision.reset_after)
    return [bool(decision.allowed), *rounded, tuple(names) == tuple(decision[1:])]


def _tokens(bucket):
    return round(float(bucket.tokens), 6) + 0.0


def _random_run(make, seed, steps=40, most=6, longest=24, part=4):
    """Check and take random amounts at random times, and say what came of it."""
    numbers = _numbers(seed)
    clock = ManualClock(float(seed))
    limiter = make(clock)
    found = []
    for _ in range(steps):
        clock.advance((next(numbers) % longest) / part)
        amount = 1 + next(numbers) % most
        if next(numbers) % 4 == 0:
            found.append(_plain(tried(limiter.check, amount)))
        found.append(_plain(tried(limiter.take, amount)))
    return found


def _waits_are_true(make, seed):
    """After the wait that was told it is allowed, and shortly before it is not."""
    numbers = _numbers(seed)
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


def case_clock():
    clock = ManualClock(3)
    found = [clock()]
    clock.advance(1.5)
    found.append(clock())
    clock.advance(0)
    found += [clock(), tried(clock.advance, -1), clock(), ManualClock()()]
    return found


def case_bucket_at_first():
    found = []
    for rate, capacity in ((2, 5), (0.5, 1), (8, 0.5), (1, 100)):
        bucket = TokenBucket(rate, capacity, clock=ManualClock(9))
        found += [_tokens(bucket), bucket.rate, bucket.capacity]
        found += [_plain(tried(bucket.check, amount)) for amount in (0, 0.25, 0.5, 1, 5, 100, 101, -2)]
        found.append(_plain(tried(bucket.take)))
    return found


def case_bucket_random():
    settings = ((2, 5), (0.5, 6), (4, 3), (0.25, 8), (0.125, 6))
    return [
        _random_run(lambda clock, one=one: TokenBucket(*one, clock=clock), seed)
        for seed, one in enumerate(settings)
    ]


def case_bucket_waits():
    return [_waits_are_true(lambda clock: TokenBucket(0.5, 4, clock=clock), seed) for seed in range(4)]


def case_bucket_refills():
    found = []
    for seconds in (0, 0.25, 0.5, 1, 1.75, 2.5, 3, 60, 10000):
        clock = ManualClock(50)
        bucket = TokenBucket(2, 5, clock=clock)
        bucket.take(5)
        clock.advance(seconds)
        found += [_tokens(bucket), _plain(bucket.check(3)), _tokens(bucket)]
    return found


def case_bucket_never_overflows():
    clock = ManualClock()
    bucket = TokenBucket(4, 3, clock=clock)
    found = []
    for seconds in (0.25, 1, 5, 0.5, 1000):
        clock.advance(seconds)
        found += [_tokens(bucket), _plain(bucket.take(2)), _plain(bucket.check(2))]
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
            found.append(_tokens(bucket))
    return found


def case_bucket_give_back():
    clock = ManualClock()
    bucket = TokenBucket(1, 6, clock=clock)
    found = []
    for taken, returned, seconds in ((4, 1, 0), (2, 0.5, 0.5), (1, 9, 2), (6, 2, 1), (3, 1, 0.25)):
        bucket.take(taken)
        clock.advance(seconds)
        bucket.give_back(returned)
        found.append(_tokens(bucket))
    bucket.take(2)
    bucket.give_back()
    return [*found, _tokens(bucket)]


def case_bucket_and_a_clock_that_runs_backwards():
    moment = [10]
    bucket = TokenBucket(1, 4, clock=lambda: moment[0])
    bucket.take(4)
    found = []
    for now in (10, 12, 4, 5, 11, 12, 13, 12.5, 13.5):
        moment[0] = now
        found.append(_tokens(bucket))
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


def case_windows_at_first():
    found = []
    for kind in (FixedWindow, SlidingLog, SlidingCounter):
        for now in (0, 3, 10, 25.5):
            for amount in (0, -1, 0.5, 1, 2, 4, 4.5):
                limiter = kind(4, 10, clock=ManualClock(now))
                found.append(_plain(tried(limiter.check, amount)))
                found.append(_plain(tried(limiter.take, amount)))
                found.append(_plain(limiter.check()))
                found.append([limiter.limit, limiter.period])
            found.append(_plain(kind(4, 10, clock=ManualClock(now)).take()))
    return found


def case_fixed_window_random():
    settings = ((5, 10), (6, 4), (9, 16), (7, 0.5))
    return [
        _random_run(lambda clock, one=one: FixedWindow(*one, clock=clock), seed)
        for seed, one in enumerate(settings)
    ]


def case_fixed_window_turns():
    found = []
    for seconds in (0, 1, 7.75, 8, 8.25, 18, 100):
        clock = ManualClock(12)
        window = FixedWindow(3, 10, clock=clock)
        window.take(2)
        clock.advance(seconds)
        found += [
            _plain(window.check(2)),
            _plain(window.take(2)),
            _plain(window.take()),
            _plain(window.check(3)),
        ]
    return found


def case_fixed_window_waits():
    return [_waits_are_true(lambda clock: FixedWindow(5, 4, clock=clock), seed) for seed in range(4)]


def case_sliding_log_random():
    settings = ((5, 10), (6, 4), (9, 16), (12, 32), (7, 0.5))
    return [
        _random_run(lambda clock, one=one: SlidingLog(*one, clock=clock), seed)
        for seed, one in enumerate(settings)
    ]


def case_sliding_log_boundary():
    found = []
    for period in (1, 8, 60):
        for early in (0.25, 0.0, -0.25):
            clock = ManualClock(5)
            window = SlidingLog(2, period, clock=clock)
            window.take(2)
            clock.advance(period - early)
            found += [_plain(window.check(2)), _plain(window.take(1)), _plain(window.take(2))]
    return found


def case_sliding_log_waits():
    return [_waits_are_true(lambda clock: SlidingLog(6, 8, clock=clock), seed) for seed in range(6)]


def case_sliding_log_partly_free():
    clock = ManualClock()
    window = SlidingLog(6, 10, clock=clock)
    for amount in (1, 2, 0.5, 2.5):
        window.take(amount)
        clock.advance(1)
    found = [_plain(window.check(amount)) for amount in (0.25, 1, 1.25, 3, 3.25, 3.5, 3.75, 6)]
    clock.advance(6)
    return found + [_plain(window.check(amount)) for amount in (0.5, 1, 1.25, 3, 4)]


def case_sliding_counter_random():
    settings = ((8, 8), (6, 4), (9, 16), (12, 32), (7, 0.5))
    return [
        _random_run(lambda clock, one=one: SlidingCounter(*one, clock=clock), seed, most=4)
        for seed, one in enumerate(settings)
    ]


def case_sliding_counter_overlap():
    found = []
    for seconds in (0, 2, 7, 8, 9, 10, 12, 14, 15.5, 16, 17, 24, 100):
        clock = ManualClock(16)
        window = SlidingCounter(4, 8, clock=clock)
        window.take(3)
        clock.advance(seconds)
        found += [_plain(window.check(amount)) for amount in (1, 2, 3, 4)]
        found += [_plain(window.take(2)), _plain(window.check(1)), _plain(window.check(4))]
    return found


def case_sliding_counter_waits():
    found = []
    for seed in range(6):
        found.append(_waits_are_true(lambda clock: SlidingCounter(8, 8, clock=clock), seed))
    return found


def _pair(clock):
    return Combined(
        SlidingLog(6, 2, clock=clock), TokenBucket(0.5, 8, clock=clock), FixedWindow(9, 20, clock=clock)
    )


def case_combined_random():
    return [_random_run(_pair, seed, most=7, longest=12) for seed in range(5)]


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
            found.append(_plain(tried(both.take, amount)))
            found.append(_plain(tried(both.check, amount)))
            found.append([_plain(part.check()) for part in parts])
            clock.advance(4)
    return found


def case_amounts_by_default():
    clock = ManualClock()
    _, keyed, _ = _clients()
    found = [_plain(_pair(clock).check()), _plain(_pair(clock).take()), _plain(keyed.check("a"))]
    return [*found, _plain(keyed.take("a")), _plain(keyed.check("a")), _plain(keyed.take("a"))]


def case_combined_of_combined():
    clock = ManualClock()
    bucket = TokenBucket(1, 10, clock=clock)
    outer = Combined(Combined(bucket, SlidingLog(5, 10, clock=clock)), SlidingLog(3, 5, clock=clock))
    found = [[_plain(outer.take(2)), _tokens(bucket)] for _ in range(4)]
    return [*found, tried(Combined), len(outer.limiters), _plain(Combined(bucket).take())]


def _clients(**kwargs):
    clock = ManualClock(1000)
    made = []

    def make():
        made.append(1)
        return SlidingLog(3, 100, clock=clock)

    return clock, Keyed(make, clock=clock, **kwargs), made


def case_keyed_random():
    found = []
    for seed in range(6):
        numbers = _numbers(seed)
        clock, keyed, _ = _clients(max_keys=3, idle=20)
        for _ in range(60):
            key = "abcde"[next(numbers) % 5]
            clock.advance(next(numbers) % 6)
            act = next(numbers) % 8
            if act == 0:
                found.append(keyed.forget(key))
            elif act < 3:
                found.append(_plain(tried(keyed.check, key, 1 + next(numbers) % 4)))
            else:
                found.append(_plain(tried(keyed.take, key, 1 + next(numbers) % 4)))
            found.append([len(keyed), [one for one in "abcde" if one in keyed]])
    return found


def case_keyed_active_clients_are_kept():
    found = []
    for look in (False, True):
        for most in (1, 2, 4):
            _, keyed, _ = _clients(max_keys=most)
            keyed.take("busy", 3)
            for number in range(6):
                keyed.take(f"passing {number}")
                act = keyed.check if look else keyed.take
                found.append([act("busy").allowed, "busy" in keyed, len(keyed)])
    return found


def case_keyed_idle():
    found = []
    for seconds in (9.75, 10, 10.25):
        clock, keyed, _ = _clients(idle=10)
        keyed.take("ann", 2)
        clock.advance(5)
        keyed.take("bob")
        keyed.check("ann")
        clock.advance(seconds)
        keyed.take("cid")
        found.append([one in keyed for one in ("ann", "bob", "cid")])
        found += [keyed.purge(), len(keyed), _plain(keyed.take("ann", 2))]
        clock.advance(50)
        found += [_plain(keyed.check("cid", 3)), len(keyed), keyed.purge()]
        clock.advance(1)
        found += [_plain(keyed.take("dan", 3)), len(keyed)]
        clock.advance(10)
        found += [keyed.purge(), keyed.purge(), len(keyed)]
    return found


def case_keyed_makes_no_more_than_it_needs():
    _, keyed, made = _clients()
    for key in ("a", "b", "a", "a", "b"):
        keyed.take(key)
        keyed.check(key)
    found = [len(made), tried(keyed.take, "c", 9), "c" in keyed, tried(keyed.check, "c", 0), "c" in keyed]
    return [
        *found,
        keyed.forget("a"),
        keyed.forget("a"),
        "a" in keyed,
        len(keyed),
        _plain(keyed.take("a", 3)),
    ]


def case_keyed_by_default():
    clock = ManualClock()
    keyed = Keyed(lambda: TokenBucket(1, 2, clock=clock), clock=clock)
    for number in range(1003):
        keyed.take(number)
    found = [len(keyed), 2 in keyed, 3 in keyed]
    clock.advance(3599)
    found.append(keyed.purge())
    clock.advance(1)
    return [*found, keyed.purge(), len(keyed)]


TEXTS = """10/s|10 / s|10 per s|10 PER Second|3/sec|3/secs|7 per seconds|100 per 15 minutes|100 per 15 min
5/m|5/mins|9 per 2 hours|9/hr|9/hrs|9/h|9/2h|1/day|1 per 7 days|1/d|4/w|4 per 2 weeks|4/week
2 per second, burst 20|2/s,burst 5|2/s ,  BURST 7|1 per 0.5 s|1 per 2.25 minutes|1/1.5h, burst 2
10/s; 500/hour; 2000 per day| 3/s ;4/m|12 per  12 s|10/s;10/s|007/s|1 per 90 s|1 per 36 hours
1 per 10 days|86400/d|5 per 1 s|5 per 1.0 minutes|5/15minutes|1 per 14 days|3 per 59 s|3 per 61 s"""

BAD = """|;|10|/s|10/|ten/s|10//s|10/s;|;10/s|10/month|10/ms|10/msec|10/sx|10/minutes ago
5 per 2 hours and a half|0/s|5 per 0 s|5/0.0h|5/s, burst 0|5/s, burst|5/s burst 3|5/s, burst 3x
5/s, burst -3|-5/s|1.5/s|5/s/s|5 s|5pers|5 per  |x5/s|5/.5s|5/1.s|5/s,,burst 4|5/s, burst 4, burst 5
5/s, 6/m|10 per fortnight|10 per 2|10/ss|10/hs|5 / s 6 / m"""


def _texts(lines):
    return [text for line in lines.splitlines() for text in line.split("|")]


def case_policies():
    found = []
    for text in _texts(TEXTS):
        policies = ratelimit.parse(text)
        found.append([(one.limit, float(one.period), one.burst) for one in policies])
    return found


def case_policies_as_text():
    found = []
    for text in _texts(TEXTS):
        for policy in ratelimit.parse(text):
            found.append(
                [str(policy), [tuple(one) for one in ratelimit.parse(str(policy))] == [tuple(policy)]]
            )
    periods = (0.25, 1, 2, 59, 60, 61, 90, 120, 3600, 5400, 7200, 86400, 129600, 604800, 1209600, 691200)
    return found + [str(ratelimit.Policy(5, period)) for period in periods]


def case_bad_policies():
    return [[text, tried(ratelimit.parse, text)] for text in _texts(BAD)]


def case_policy_errors_are_value_errors():
    return [issubclass(ratelimit.PolicyError, ValueError), tuple(ratelimit.Policy(1, 2.0))]


def case_build():
    found = []
    for text in (
        "2/s",
        "3 per 2 s; 4 per 8 s",
        "30 per minute, burst 4",
        "2/s, burst 3; 5 per 10 s",
        "1/s;1/s;3/5s",
    ):
        found.append(
            _random_run(
                lambda clock, text=text: ratelimit.build(text, clock=clock), len(text), most=3, longest=9
            )
        )
        found.append(type(ratelimit.build(text)).__name__)
    return [*found, tried(ratelimit.build, "5/fortnight")]


def case_leases():
    found = []
    for seed in range(5):
        numbers = _numbers(seed)
        clock = ManualClock(seed)
        leases = Leases(3, 10, clock=clock)
        for _ in range(50):
            clock.advance((next(numbers) % 12) / 4)
            act = next(numbers) % 5
            number = 1 + next(numbers) % 12
            if act == 0:
                found.append(leases.release(number))
            elif act == 1:
                found.append(leases.renew(number))
            else:
                try:
                    found.append(leases.acquire())
                except ratelimit.TooMany as error:
                    found.append(["full", round(float(error.retry_after), 6)])
            found.append(leases.out)
    return found


def case_leases_end():
    found = []
    for seconds in (29.75, 30, 30.25):
        clock = ManualClock()
        leases = Leases(1, 30, clock=clock)
        first = leases.acquire()
        clock.advance(10)
        found.append(leases.renew(first))
        clock.advance(seconds)
        found += [leases.out, tried(leases.acquire), leases.renew(first), leases.release(first), leases.out]
    leases = Leases(2, 5, clock=ManualClock())
    return [*found, leases.renew(1), leases.release(1), leases.acquire(), leases.limit, leases.ttl]


def case_leases_that_nobody_looked_at():
    found = []
    for seconds in (29.5, 30, 31):
        for act in ("renew", "release"):
            clock = ManualClock()
            leases = Leases(2, 30, clock=clock)
            first = leases.acquire()
            clock.advance(seconds)
            found += [getattr(leases, act)(first), leases.out]
    return found


def case_held():
    clock = ManualClock()
    leases = Leases(1, 30, clock=clock)
    found = []

    def work(error=None, seconds=0):
        with leases.held() as lease:
            found.append([lease, leases.out])
            clock.advance(seconds)
            if error:
                raise error
            return "done"

    for error in (None, KeyError("x"), SystemExit(3), ratelimit.TooMany(4), StopIteration()):
        found += [tried(work, error), leases.out]
    found += [tried(work, None, 31), leases.out]
    with leases.held():
        found += [tried(work), leases.out]

    def items():
        with leases.held():
            yield 1
            yield 2

    part = items()
    found += [leases.out, next(part), leases.out]
    part.close()
    return [*found, leases.out]


def case_backoff():
    found = []
    for settings in ((), (1, 3, 20), (2, 1, 5), (4, 2, 3), (0.25, 1.5, 100), (1, 2, 64)):
        backoff = Backoff(*settings)
        found.append([float(backoff.wait(failures)) for failures in (-1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 50)])
    return [*found, Backoff(1, 2, 30.5).wait(100000)]


class _Flaky:
    def __init__(self, errors):
        self.errors = list(errors)
        self.calls = 0
        self.waits = []

    def __call__(self):
        self.calls += 1
        if self.errors:
            error = self.errors.pop(0)
            if error is not None:
                raise error
        return self.calls


class _Busy(Exception):
    def __init__(self, retry_after):
        super().__init__("busy")
        self.retry_after = retry_after


def case_retry():
    found = []
    for tries in (-1, 0, 1, 2, 3, 4, 6):
        for errors in ([], [OSError()], [OSError()] * 2, [OSError(), KeyError()], [OSError()] * 5):
            for caught in ((Exception,), [OSError], (OSError, KeyError), ()):
                flaky = _Flaky(errors)
                backoff = Backoff(1, 2, 5)
                result = tried(
                    ratelimit.retry,
                    flaky,
                    tries=tries,
                    errors=caught,
                    backoff=backoff,
                    sleep=flaky.waits.append,
                )
                found.append([result, flaky.calls, flaky.waits])
    return found


def case_retry_as_asked():
    found = []
    for asked in (0, 0.5, 7, None):
        flaky = _Flaky([_Busy(asked), OSError(), _Busy(asked)])
        found.append([ratelimit.retry(flaky, tries=4, sleep=flaky.waits.append), flaky.waits])
    flaky = _Flaky([OSError()] * 9)
    return [*found, tried(ratelimit.retry, flaky, sleep=flaky.waits.append), flaky.waits, flaky.calls]


def case_retry_with_leases():
    clock = ManualClock()
    leases = Leases(1, 30, clock=clock)
    leases.acquire()
    clock.advance(12)
    lease = ratelimit.retry(leases.acquire, tries=2, sleep=clock.advance)
    return [lease, clock(), issubclass(ratelimit.TooMany, Exception)]


def case_headers():
    found = []
    for remaining in (0, 0.25, 1, 1.75, 12.5):
        for seconds in (0, 0.01, 0.5, 1, 1.01, 2.25, 59.999, 60):
            for allowed in (True, False):
                wait = 0.0 if allowed else seconds
                decision = ratelimit.Decision(allowed, 12.5, remaining, wait, seconds)
                found.append(sorted(ratelimit.headers(decision).items()))
    return found


def case_headers_of_limiters():
    found = []
    clock = ManualClock()
    bucket = TokenBucket(0.5, 3, clock=clock)
    window = SlidingLog(3, 10, clock=clock)
    for _ in range(12):
        clock.advance(0.75)
        found += [sorted(ratelimit.headers(limiter.take()).items()) for limiter in (bucket, window)]
    return found
