import pytest
from ratelimit import ManualClock, TokenBucket


def bucket(**kwargs):
    clock = ManualClock(100.0)
    return clock, TokenBucket(**{"rate": 2, "capacity": 5, **kwargs}, clock=clock)


def test_it_begins_full():
    _, full = bucket()
    assert full.tokens == 5
    assert full.take(4) == (True, 5, 1.0, 0.0, 2.0)


def test_refused():
    _, empty = bucket()
    empty.take(4)
    assert empty.take(3) == (False, 5, 1.0, 1.0, 2.0)
    assert empty.tokens == 1


def test_tokens_come_in():
    clock, empty = bucket()
    empty.take(5)
    clock.advance(1.25)
    assert empty.tokens == 2.5
    assert empty.take(2).allowed


def test_no_more_than_it_holds():
    clock, full = bucket()
    full.take(1)
    clock.advance(1000)
    assert full.tokens == 5


def test_looking_often_changes_nothing():
    clock, empty = bucket(rate=1)
    empty.take(5)
    for _ in range(8):
        clock.advance(0.25)
        empty.check()
    assert empty.tokens == 2


def test_give_back():
    _, some = bucket()
    some.take(4)
    some.give_back(2)
    assert some.tokens == 3
    some.give_back(9)
    assert some.tokens == 5


@pytest.mark.parametrize("amount", [0, -1, 5.5])
def test_amounts_that_make_no_sense(amount):
    _, full = bucket()
    with pytest.raises(ValueError, match="amount"):
        full.take(amount)
    assert full.tokens == 5


def test_settings_that_make_no_sense():
    with pytest.raises(ValueError, match="positive"):
        bucket(rate=0)
    with pytest.raises(ValueError, match="positive"):
        bucket(capacity=-1)
