import pytest
from ratelimit import FixedWindow, ManualClock, SlidingCounter, SlidingLog


def test_fixed_window():
    clock = ManualClock(12.0)
    window = FixedWindow(3, 10, clock=clock)
    assert window.take(2) == (True, 3, 1, 0.0, 8.0)
    assert window.take(2) == (False, 3, 1, 8.0, 8.0)
    clock.advance(8)
    assert window.take(2).allowed


def test_sliding_log():
    clock = ManualClock()
    window = SlidingLog(3, 10, clock=clock)
    window.take(2)
    clock.advance(4)
    assert window.take() == (True, 3, 0, 0.0, 10.0)
    assert window.take(3) == (False, 3, 0, 10.0, 10.0)
    assert window.take(2) == (False, 3, 0, 6.0, 10.0)


def test_sliding_log_exactly_one_period_later():
    clock = ManualClock()
    window = SlidingLog(1, 10, clock=clock)
    window.take()
    clock.advance(9.5)
    assert not window.take().allowed
    clock.advance(0.5)
    assert window.take().allowed


def test_sliding_log_waits_are_true():
    clock = ManualClock()
    window = SlidingLog(2, 8, clock=clock)
    window.take()
    clock.advance(3)
    window.take()
    clock.advance(window.check(2).retry_after)
    assert window.take(2).allowed


def test_sliding_counter():
    clock = ManualClock()
    window = SlidingCounter(4, 8, clock=clock)
    window.take(4)
    clock.advance(10)
    assert window.check() == (True, 4, 0.0, 0.0, 14.0)
    assert window.check(2) == (False, 4, 1.0, 2.0, 6.0)
    clock.advance(2)
    assert window.take(2).allowed


def test_sliding_counter_after_a_long_time():
    clock = ManualClock()
    window = SlidingCounter(4, 8, clock=clock)
    window.take(4)
    clock.advance(16)
    assert window.check(4).allowed


@pytest.mark.parametrize("kind", [FixedWindow, SlidingLog, SlidingCounter])
def test_bad_input(kind):
    with pytest.raises(ValueError, match="positive"):
        kind(0, 10)
    with pytest.raises(ValueError, match="positive"):
        kind(3, 0)
    with pytest.raises(ValueError, match="amount"):
        kind(3, 10).take(4)
