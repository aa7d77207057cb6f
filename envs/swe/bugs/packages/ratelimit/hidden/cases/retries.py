"""Hidden cases of ratelimit: retries."""

import ratelimit
from judging import tried
from ratelimit import Backoff, Leases, ManualClock


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
