"""Hidden cases of ratelimit: leases."""

import ratelimit
from cases.shared import numbers_from
from judging import tried
from ratelimit import Leases, ManualClock


def case_leases():
    found = []
    for seed in range(5):
        numbers = numbers_from(seed)
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
