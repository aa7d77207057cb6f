"""What a limiter says."""

from typing import NamedTuple


class Decision(NamedTuple):
    """The answer of a limiter.

    Args:
        allowed: whether it may happen now.
        limit: the most that may ever happen at once.
        remaining: what is left after it.
        retry_after: seconds until the same amount would be allowed; 0 if it is now.
        reset_after: seconds until nothing is used any more.
    """

    allowed: bool
    limit: float
    remaining: float
    retry_after: float
    reset_after: float


def checked_amount(amount, limit):
    """Return an amount that could be allowed some day.

    Raises:
        ValueError: if it is not positive, or larger than the limit.
    """
    if not 0 < amount <= limit:
        raise ValueError(f"amount {amount}: expected more than 0 and at most {limit}")
    return amount
