"""Hidden cases of ratelimit: headers."""

import ratelimit
from ratelimit import ManualClock, SlidingLog, TokenBucket


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
