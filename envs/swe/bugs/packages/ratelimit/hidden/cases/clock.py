"""Hidden cases of ratelimit: clock."""

from judging import tried
from ratelimit import ManualClock


def case_clock():
    clock = ManualClock(3)
    found = [clock()]
    clock.advance(1.5)
    found.append(clock())
    clock.advance(0)
    found += [clock(), tried(clock.advance, -1), clock(), ManualClock()()]
    return found
