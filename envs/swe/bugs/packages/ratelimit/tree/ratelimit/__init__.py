"""Limits on how often something may happen."""

from .bucket import TokenBucket
from .clock import ManualClock
from .combined import Combined
from .decision import Decision
from .headers import headers
from .keyed import Keyed
from .leases import Leases, TooMany
from .policy import Policy, PolicyError, build, parse
from .retries import Backoff, retry
from .windows import FixedWindow, SlidingCounter, SlidingLog

__all__ = [
    "Backoff",
    "Combined",
    "Decision",
    "FixedWindow",
    "Keyed",
    "Leases",
    "ManualClock",
    "Policy",
    "PolicyError",
    "SlidingCounter",
    "SlidingLog",
    "TokenBucket",
    "TooMany",
    "build",
    "headers",
    "parse",
    "retry",
]
