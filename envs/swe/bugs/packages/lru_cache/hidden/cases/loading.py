"""Hidden cases of lru_cache: loading."""

from cases.shared import timed
from judging import tried
from lru_cache import Cache


def case_get_or_load():
    clock, cache = timed(3, ttl=5)
    calls = []

    def load(key):
        calls.append(key)
        return None if key == "none" else key * 2

    said = [cache.get_or_load(key, load) for key in ("a", "a", "none", "none", "b")]
    said.append(tried(cache.get_or_load, "x", lambda key: 1 // 0))
    keys = cache.keys()
    clock.now = 5
    said += [
        cache.get_or_load("a", load),
        cache.get_or_load("t", load, ttl=1),
        cache.get_or_load("e", load, ttl=None),
    ]
    clock.now = 6
    after = cache.keys()
    clock.now = 50
    return said, calls, keys, after, cache.keys(), cache.stats.snapshot()


def case_load_that_is_too_heavy():
    cache = Cache(3, weigh=lambda key, value: len(value))
    said = [
        cache.get_or_load("a", lambda key: "xxxx"),
        cache.get_or_load("b", lambda key: "yy"),
        cache.keys(),
    ]
    return said, cache.stats.snapshot()


def case_load_that_uses_the_cache():
    cache = Cache(50)

    def fibonacci(n):
        return n if n < 2 else cache.get_or_load(n - 1, fibonacci) + cache.get_or_load(n - 2, fibonacci)

    return cache.get_or_load(20, fibonacci), cache.keys(), cache.stats.snapshot()
