"""Hidden cases of ratelimit: windows."""

from cases.shared import plain, random_run, waits_are_true
from judging import tried
from ratelimit import FixedWindow, ManualClock, SlidingCounter, SlidingLog


def case_windows_at_first():
    found = []
    for kind in (FixedWindow, SlidingLog, SlidingCounter):
        for now in (0, 3, 10, 25.5):
            for amount in (0, -1, 0.5, 1, 2, 4, 4.5):
                limiter = kind(4, 10, clock=ManualClock(now))
                found.append(plain(tried(limiter.check, amount)))
                found.append(plain(tried(limiter.take, amount)))
                found.append(plain(limiter.check()))
                found.append([limiter.limit, limiter.period])
            found.append(plain(kind(4, 10, clock=ManualClock(now)).take()))
    return found


def case_fixed_window_random():
    settings = ((5, 10), (6, 4), (9, 16), (7, 0.5))
    return [
        random_run(lambda clock, one=one: FixedWindow(*one, clock=clock), seed)
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
            plain(window.check(2)),
            plain(window.take(2)),
            plain(window.take()),
            plain(window.check(3)),
        ]
    return found


def case_fixed_window_waits():
    return [waits_are_true(lambda clock: FixedWindow(5, 4, clock=clock), seed) for seed in range(4)]


def case_sliding_log_random():
    settings = ((5, 10), (6, 4), (9, 16), (12, 32), (7, 0.5))
    return [
        random_run(lambda clock, one=one: SlidingLog(*one, clock=clock), seed)
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
            found += [plain(window.check(2)), plain(window.take(1)), plain(window.take(2))]
    return found


def case_sliding_log_waits():
    return [waits_are_true(lambda clock: SlidingLog(6, 8, clock=clock), seed) for seed in range(6)]


def case_sliding_log_partly_free():
    clock = ManualClock()
    window = SlidingLog(6, 10, clock=clock)
    for amount in (1, 2, 0.5, 2.5):
        window.take(amount)
        clock.advance(1)
    found = [plain(window.check(amount)) for amount in (0.25, 1, 1.25, 3, 3.25, 3.5, 3.75, 6)]
    clock.advance(6)
    return found + [plain(window.check(amount)) for amount in (0.5, 1, 1.25, 3, 4)]


def case_sliding_counter_random():
    settings = ((8, 8), (6, 4), (9, 16), (12, 32), (7, 0.5))
    return [
        random_run(lambda clock, one=one: SlidingCounter(*one, clock=clock), seed, most=4)
        for seed, one in enumerate(settings)
    ]


def case_sliding_counter_overlap():
    found = []
    for seconds in (0, 2, 7, 8, 9, 10, 12, 14, 15.5, 16, 17, 24, 100):
        clock = ManualClock(16)
        window = SlidingCounter(4, 8, clock=clock)
        window.take(3)
        clock.advance(seconds)
        found += [plain(window.check(amount)) for amount in (1, 2, 3, 4)]
        found += [plain(window.take(2)), plain(window.check(1)), plain(window.check(4))]
    return found


def case_sliding_counter_waits():
    found = []
    for seed in range(6):
        found.append(waits_are_true(lambda clock: SlidingCounter(8, 8, clock=clock), seed))
    return found
