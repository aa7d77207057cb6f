import pytest
from ratelimit import Leases, ManualClock, TooMany


def test_no_more_than_there_are():
    clock = ManualClock()
    leases = Leases(2, 30, clock=clock)
    first = leases.acquire()
    clock.advance(10)
    leases.acquire()
    with pytest.raises(TooMany) as caught:
        leases.acquire()
    assert caught.value.retry_after == 20
    assert leases.release(first)
    assert not leases.release(first)
    assert leases.out == 1


def test_leases_end_by_themselves():
    clock = ManualClock()
    leases = Leases(1, 30, clock=clock)
    first = leases.acquire()
    clock.advance(20)
    assert leases.renew(first)
    clock.advance(29)
    assert leases.out == 1
    clock.advance(1)
    assert leases.out == 0
    assert not leases.renew(first)


def test_held():
    leases = Leases(1, 30, clock=ManualClock())
    with leases.held():
        assert leases.out == 1
    assert leases.out == 0


def test_held_ends_with_an_exception():
    leases = Leases(1, 30, clock=ManualClock())
    with pytest.raises(KeyError), leases.held():
        raise KeyError("work")
    assert leases.out == 0
