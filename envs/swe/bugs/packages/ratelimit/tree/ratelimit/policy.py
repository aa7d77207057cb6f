"""Limits as text.

    10/s                              10 in any second
    100 per 15 minutes                100 in any quarter of an hour
    2 per second, burst 20            a token bucket that fills with 2 a second and holds 20
    10/s; 500/hour; 2000 per day      all of them

Units are s, sec, second, m, min, minute, h, hr, hour, d, day, w, week, and the plurals of
the longer ones.
"""

import re
import time
from typing import NamedTuple

from .bucket import TokenBucket
from .combined import Combined
from .windows import SlidingLog

_UNITS = {
    1: ("s", "sec", "second"),
    60: ("m", "min", "minute"),
    3600: ("h", "hr", "hour"),
    86400: ("d", "day"),
    604800: ("w", "week"),
}
_SECONDS = {name: size for size, names in _UNITS.items() for name in names}
_SECONDS.update({name + "s": size for name, size in _SECONDS.items() if len(name) > 1})
_POLICY = re.compile(
    r"(?P<limit>\d+)\s*(?:/|per\s)\s*(?P<count>\d+(?:\.\d+)?)?\s*(?P<unit>[a-z]+)(?:\s*,\s*burst\s+(?P<burst>\d+))?",
    re.IGNORECASE,
)


class PolicyError(ValueError):
    """A text that is not a policy."""


class Policy(NamedTuple):
    """So much in a period.

    Args:
        limit: how much.
        period: seconds.
        burst: what a bucket holds; None for a window instead of a bucket.
    """

    limit: int
    period: float
    burst: "int | None" = None

    def __str__(self):
        size, names = max(
            (size, names) for size, names in _UNITS.items() if size == 1 or self.period % size == 0
        )
        count = self.period / size
        unit = names[-1] if count == 1 else f"{count:g} {names[-1]}s"
        burst = "" if self.burst is None else f", burst {self.burst}"
        return f"{self.limit} per {unit}{burst}"


def parse(text):
    """Return the policies of a text, one at least.

    Raises:
        PolicyError: naming the part that is not understood.
    """
    return [_policy(part.strip()) for part in text.split(";")]


def build(text, *, clock=time.monotonic):
    """Return one limiter for the policies of a text.

    Raises:
        PolicyError: as `parse`.
    """
    limiters = []
    for limit, period, burst in parse(text):
        if burst is None:
            limiters.append(SlidingLog(limit, period, clock=clock))
        else:
            limiters.append(TokenBucket(limit / period, burst, clock=clock))
    return limiters[0] if len(limiters) == 1 else Combined(*limiters)


def _policy(text):
    match = _POLICY.fullmatch(text)
    if match is None:
        raise PolicyError(f"not a policy: {text!r}; expected something like '100 per 15 minutes, burst 20'")
    unit = match["unit"].lower()
    if unit not in _SECONDS:
        raise PolicyError(f"unknown unit {unit!r} in {text!r}")
    period = float(match["count"] or 1) * _SECONDS[unit]
    limit = int(match["limit"])
    burst = int(match["burst"]) if match["burst"] else None
    if limit == 0 or period == 0 or burst == 0:
        raise PolicyError(f"nothing would ever be allowed by {text!r}")
    return Policy(limit, period, burst)
