import pytest
from ratelimit import Combined, ManualClock, SlidingLog, TokenBucket


def test_all_must_agree():
    clock = ManualClock()
    both = Combined(SlidingLog(2, 1, clock=clock), SlidingLog(3, 60, clock=clock))
    assert both.take(2) == (True, 2, 0, 0.0, 60.0)
    assert both.take() == (False, 2, 0, 1.0, 60.0)
    clock.advance(1)
    assert both.take().allowed
    assert both.take() == (False, 3, 0, 59.0, 60.0)


def test_a_refusal_uses_nothing_up():
    clock = ManualClock()
    bucket = TokenBucket(1, 10, clock=clock)
    both = Combined(bucket, SlidingLog(2, 60, clock=clock))
    both.take(2)
    both.take()
    assert bucket.tokens == 8


def test_what_one_could_never_allow():
    bucket = TokenBucket(1, 10, clock=ManualClock())
    with pytest.raises(ValueError, match="amount"):
        Combined(bucket, SlidingLog(2, 60)).take(3)
    assert bucket.tokens == 10
    with pytest.raises(ValueError, match="at least one"):
        Combined()
