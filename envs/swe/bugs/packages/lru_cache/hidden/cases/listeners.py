"""Hidden cases of lru_cache: listeners."""

from judging import tried
from lru_cache import Cache


def case_listeners_in_order():
    cache = Cache(2)
    news = []
    ends = [cache.subscribe(lambda *args, name=name: news.append((name, *args))) for name in ("one", "two")]
    cache.set("a", 1)
    cache.set("b", 2)
    cache.set("c", 3)
    ends[0]()
    ends[0]()
    cache.set("d", 4, weight=2)
    ends[1]()
    cache.clear()
    return news


def case_one_listener_twice():
    cache = Cache(1)
    news = []

    def listener(*args):
        news.append(args)

    first, second = cache.subscribe(listener), cache.subscribe(listener)
    cache.set("a", 1)
    cache.delete("a")
    first()
    cache.set("b", 1)
    cache.delete("b")
    second()
    cache.set("c", 1)
    cache.delete("c")
    return news


def case_listeners_see_a_consistent_cache():
    cache = Cache(3)
    seen = []
    cache.subscribe(
        lambda key, value, reason: seen.append((key, reason, cache.keys(), cache.weight, key in cache))
    )
    for key in "abc":
        cache.set(key, key)
    cache.set("d", 1, weight=2)
    cache.set("d", 2, weight=1)
    cache.delete("c")
    cache.resize(0)
    return seen


def case_listeners_may_use_the_cache():
    cache = Cache(2)
    news = []

    def listener(key, value, reason):
        news.append((key, reason))
        if reason == "evicted" and value < 3:
            cache.set(key, value + 1)
        if reason == "deleted":
            cache.clear()

    cache.subscribe(listener)
    for key in "abc":
        cache.set(key, 1)
    state = cache.items()
    cache.delete(cache.keys()[0])
    return news, state, cache.items()


def case_a_listener_that_raises():
    cache = Cache(2)
    news = []

    def listener(key, value, reason):
        news.append(key)
        if key == "a":
            raise RuntimeError(key)

    cache.subscribe(listener)
    for key in "ab":
        cache.set(key, key)
    said = [tried(cache.set, "c", 1), cache.keys(), tried(cache.set, "d", 1), cache.keys(), cache.weight]
    return said, news


def case_a_listener_that_leaves_while_told():
    cache = Cache(1)
    news = []

    def once(*args):
        news.append(("once", *args))
        end()

    end = cache.subscribe(once)
    cache.subscribe(lambda *args: news.append(("always", *args)))
    for key in "abc":
        cache.set(key, 1)
    return news
