from lru_cache import Cache, call_key, memoize
from lru_cache.entry import Entry, Ring
from lru_cache.expiry import Expiry


def test_ring_order():
    ring = Ring()
    entries = {key: Entry(key, None, 1, None, None) for key in "abc"}
    for entry in entries.values():
        ring.append(entry)
    ring.renew(entries["a"])
    assert [entry.key for entry in ring] == ["b", "c", "a"]
    ring.remove(entries["c"])
    assert [entry.key for entry in ring] == ["b", "a"]
    assert ring.oldest() is entries["b"]


def test_ring_may_shrink_while_it_is_read():
    ring = Ring()
    for key in "abcd":
        ring.append(Entry(key, None, 1, None, None))
    for entry in ring:
        ring.remove(entry)
    assert list(ring) == []


def test_expiry_in_order():
    expiry = Expiry()
    expiry.schedule("a", 5)
    expiry.schedule("b", 3)
    expiry.schedule("c", 9)
    assert expiry.next_time() == 3
    assert expiry.due(5) == ["b", "a"]
    assert len(expiry) == 1


def test_expiry_counts_the_latest_schedule():
    expiry = Expiry()
    expiry.schedule("a", 5)
    expiry.schedule("a", 8)
    assert expiry.due(6) == []
    assert expiry.due(8) == ["a"]


def test_memoize():
    calls = []

    @memoize(Cache(10))
    def add(a, b=0):
        calls.append((a, b))
        return a + b

    assert add(1, b=2) == 3
    assert add(1, b=2) == 3
    assert calls == [(1, 2)]
    assert add.forget(1, b=2)
    assert not add.forget(1, b=2)
    assert add(1, b=2) == 3
    assert len(calls) == 2


def test_call_keys():
    assert call_key("f", (1,), {"a": 1, "b": 2}) == call_key("f", (1,), {"b": 2, "a": 1})
    assert call_key("f", (1,), {}) != call_key("g", (1,), {})
    assert call_key("f", (1,), {}, typed=True) != call_key("f", (1.0,), {}, typed=True)
