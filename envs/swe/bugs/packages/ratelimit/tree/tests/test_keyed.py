import pytest
from ratelimit import Keyed, ManualClock, SlidingLog


def clients(**kwargs):
    clock = ManualClock()
    return clock, Keyed(lambda: SlidingLog(2, 10, clock=clock), clock=clock, **kwargs)


def test_each_has_its_own():
    _, keyed = clients()
    assert keyed.take("ann", 2).allowed
    assert not keyed.take("ann").allowed
    assert keyed.take("bob").allowed
    assert len(keyed) == 2


def test_looking_makes_no_key():
    _, keyed = clients()
    assert keyed.check("ann").remaining == 1
    assert "ann" not in keyed


def test_the_least_recently_used_is_forgotten():
    _, keyed = clients(max_keys=2)
    keyed.take("ann", 2)
    keyed.take("bob")
    keyed.take("ann")
    keyed.take("cid")
    assert "bob" not in keyed
    assert not keyed.take("ann").allowed


def test_idle_keys_are_forgotten():
    clock, keyed = clients(idle=60)
    keyed.take("ann")
    clock.advance(30)
    keyed.take("bob")
    clock.advance(30)
    assert keyed.purge() == 1
    assert "ann" not in keyed
    assert "bob" in keyed


def test_forget():
    _, keyed = clients()
    keyed.take("ann", 2)
    assert keyed.forget("ann")
    assert not keyed.forget("ann")
    assert keyed.take("ann", 2).allowed


def test_bad_amounts_leave_no_key():
    _, keyed = clients()
    with pytest.raises(ValueError, match="amount"):
        keyed.take("ann", 3)
    assert len(keyed) == 0
