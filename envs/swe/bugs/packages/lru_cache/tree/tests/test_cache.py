import pytest
from lru_cache import Cache


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def test_set_and_get():
    cache = Cache(2)
    assert cache.set("a", 1) is True
    assert cache.get("a") == 1
    assert cache.get("b") is None
    assert cache.get("b", 7) == 7


def test_the_one_used_least_recently_goes():
    cache = Cache(2)
    cache.set("a", 1)
    cache.set("b", 2)
    cache.get("a")
    cache.set("c", 3)
    assert cache.keys() == ["a", "c"]


def test_peek_and_in_do_not_use():
    cache = Cache(2)
    cache.set("a", 1)
    cache.set("b", 2)
    assert cache.peek("a") == 1
    assert "a" in cache
    cache.set("c", 3)
    assert cache.keys() == ["b", "c"]
    assert cache.stats.lookups == 0


def test_weights_are_kept_below_the_limit():
    cache = Cache(10)
    cache.set("a", 1, weight=4)
    cache.set("b", 2, weight=4)
    cache.set("c", 3, weight=5)
    assert cache.keys() == ["b", "c"]
    assert cache.weight == 9


def test_an_entry_that_fits_exactly():
    cache = Cache(3)
    assert cache.set("a", 1, weight=3)
    assert cache.keys() == ["a"]


def test_too_heavy_is_refused():
    cache = Cache(3)
    cache.set("a", 1)
    assert cache.set("b", 2, weight=4) is False
    assert cache.keys() == ["a"]
    assert cache.stats.refusals == 1


def test_weigh():
    cache = Cache(10, weigh=lambda key, value: len(value))
    cache.set("a", "xxxx")
    cache.set("b", "yyy", weight=1)
    assert cache.weight == 5


def test_negative_weight():
    cache = Cache(3)
    with pytest.raises(ValueError):
        cache.set("a", 1, weight=-1)


def test_entries_expire(clock):
    cache = Cache(5, ttl=10, clock=clock)
    cache.set("a", 1)
    clock.now = 9.5
    assert cache.get("a") == 1
    clock.now = 10
    assert cache.get("a") is None
    assert len(cache) == 0
    assert cache.stats.expirations == 1


def test_own_ttl(clock):
    cache = Cache(5, ttl=10, clock=clock)
    cache.set("a", 1, ttl=None)
    cache.set("b", 2, ttl=3)
    clock.now = 5
    assert cache.keys() == ["a"]
    clock.now = 1000
    assert cache.keys() == ["a"]


def test_touch_starts_the_time_again(clock):
    cache = Cache(5, ttl=10, clock=clock)
    cache.set("a", 1)
    clock.now = 6
    assert cache.touch("a")
    clock.now = 12
    assert cache.get("a") == 1
    assert cache.remaining("a") == 4


def test_expired_entries_leave_first(clock):
    cache = Cache(2, clock=clock)
    cache.set("a", 1)
    cache.set("b", 2, ttl=5)
    clock.now = 6
    cache.set("c", 3)
    assert cache.keys() == ["a", "c"]


def test_replacing():
    cache = Cache(5)
    cache.set("a", 1, weight=3)
    cache.set("a", 2, weight=2)
    assert cache.get("a") == 2
    assert cache.weight == 2


def test_delete_and_pop():
    cache = Cache(5)
    cache.set("a", 1)
    assert cache.delete("a") is True
    assert cache.delete("a") is False
    cache.set("b", 2)
    assert cache.pop("b") == 2
    assert cache.pop("b", None) is None
    with pytest.raises(KeyError):
        cache.pop("b")


def test_resize():
    cache = Cache(3)
    for key in "abc":
        cache.set(key, key)
    cache.resize(1)
    assert cache.keys() == ["c"]
    assert cache.max_weight == 1


def test_listeners_are_told():
    told = []
    cache = Cache(1)
    end = cache.subscribe(lambda *news: told.append(news))
    cache.set("a", 1)
    cache.set("a", 2)
    cache.set("b", 3)
    cache.clear()
    end()
    cache.set("c", 4)
    cache.delete("c")
    assert told == [("a", 1, "replaced"), ("a", 2, "evicted"), ("b", 3, "deleted")]


def test_get_or_load():
    cache = Cache(5)
    assert cache.get_or_load("a", lambda key: key * 2) == "aa"
    assert cache.get_or_load("a", lambda key: 1 / 0) == "aa"
    assert cache.stats.snapshot()["hits"] == 1


def test_stats_since():
    cache = Cache(1)
    cache.get("a")
    before = cache.stats.snapshot()
    cache.set("a", 1)
    cache.get("a")
    cache.set("b", 1)
    assert cache.stats.since(before)["hits"] == 1
    assert cache.stats.since(before)["misses"] == 0
    assert cache.stats.since(before)["evictions"] == 1
    assert cache.stats.hit_rate() == 0.5
