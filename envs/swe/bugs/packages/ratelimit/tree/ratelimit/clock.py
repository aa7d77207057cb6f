"""A clock for tests and simulations."""


class ManualClock:
    """A clock that stands still until it is told otherwise.

    Args:
        now: seconds that it shows at first.
    """

    def __init__(self, now=0.0):
        self._now = now

    def __call__(self):
        return self._now

    def advance(self, seconds):
        """Let time pass; also what to use as `sleep`.

        Raises:
            ValueError: if the seconds are negative.
        """
        if seconds < 0:
            raise ValueError(f"time does not run backwards: {seconds}")
        self._now += seconds
