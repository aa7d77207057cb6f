"""Trying again, later and later."""

import time


class Backoff:
    """How long to wait before each new try: first, first * factor, first * factor ** 2, ... up to a limit.

    Args:
        first: seconds before the second try.
        factor: how much longer each wait is than the one before.
        longest: the most seconds of a wait.

    Raises:
        ValueError: if the seconds are not positive, or the factor is below 1.
    """

    def __init__(self, first=0.5, factor=2.0, longest=30.0):
        if first <= 0 or longest <= 0 or factor < 1:
            raise ValueError(
                f"first {first} and longest {longest} must be positive, factor {factor} at least 1"
            )
        self.first = first
        self.factor = factor
        self.longest = longest

    def wait(self, failures):
        """Return the seconds to wait after so many failures in a row; 0 if there was not one."""
        if failures <= 0:
            return 0.0
        seconds = self.first
        for _ in range(failures - 1):
            if seconds >= self.longest:
                break
            seconds *= self.factor
        return min(seconds, self.longest)


def retry(function, *, tries=3, errors=(Exception,), backoff=None, sleep=time.sleep):
    """Call a function until it succeeds, and return its result.

    An exception that knows better how long to wait says so in an attribute `retry_after`.

    Args:
        function: called without arguments.
        tries: how often it is called at most.
        errors: the exceptions after which it is called again; others pass through at once.
        backoff: a Backoff; one with its defaults if None.
        sleep: called with the seconds between two tries.

    Raises:
        ValueError: if tries is not positive.
        Exception: of the last try, if all have failed.
    """
    if tries <= 0:
        raise ValueError(f"tries {tries}: expected at least 1")
    backoff = backoff or Backoff()
    for number in range(1, tries):
        try:
            return function()
        except tuple(errors) as error:
            asked = getattr(error, "retry_after", None)
            sleep(backoff.wait(number) if asked is None else asked)
    return function()
