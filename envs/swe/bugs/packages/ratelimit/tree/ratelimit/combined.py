"""Several limits that must all agree."""

from .decision import Decision


class Combined:
    """A limiter made of others; what one refuses uses nothing up in any.

    Args:
        limiters: at least one; each is used by this one alone.

    Raises:
        ValueError: if there is not one.
    """

    def __init__(self, *limiters):
        if not limiters:
            raise ValueError("at least one limiter is needed")
        self.limiters = limiters

    def check(self, amount=1):
        """Say what all of them together say: the least that remains, the longest wait.

        Raises:
            ValueError: if one of them could never allow the amount.
        """
        return _together([limiter.check(amount) for limiter in self.limiters])

    def take(self, amount=1):
        """Take from all of them, or from none.

        Raises:
            ValueError: as `check`; nothing was taken then.
        """
        decision = self.check(amount)
        if not decision.allowed:
            return decision
        return _together([limiter.take(amount) for limiter in self.limiters])


def _together(decisions):
    refused = [decision for decision in decisions if not decision.allowed]
    least = min(refused or decisions, key=lambda decision: decision.remaining)
    return Decision(
        not refused,
        least.limit,
        least.remaining,
        max(decision.retry_after for decision in decisions),
        max(decision.reset_after for decision in decisions),
    )
