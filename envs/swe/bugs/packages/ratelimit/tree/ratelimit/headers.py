"""Decisions as HTTP headers, whole numbers as the standard wants them."""

import math


def headers(decision):
    """Return the headers of an answer.

    Remaining is rounded down and times are rounded up, so that a client who believes them is never too
    early. Retry-After is there if it was refused, and is at least 1.
    """
    found = {
        "RateLimit-Limit": str(math.floor(decision.limit)),
        "RateLimit-Remaining": str(math.floor(decision.remaining)),
        "RateLimit-Reset": str(math.ceil(decision.reset_after)),
    }
    if not decision.allowed:
        found["Retry-After"] = str(max(1, math.ceil(decision.retry_after)))
    return found
