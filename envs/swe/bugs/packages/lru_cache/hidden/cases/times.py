"""Hidden cases of lru_cache: times."""

from cases.shared import timed, told
from judging import tried
from lru_cache import Cache


def case_ttl_bounds():
    seen = []
    for ttl in (0, 1, 5, 0.5, None):
        clock, cache = timed(ttl=ttl)
        cache.set("k", "v")
        row = []
        for now in (0, 0.25, 0.5, 1, 4, 5, 6):
            clock.now = now
            row.append(("k" in cache, cache.peek("k"), cache.get("k")))
        seen.append((row, len(cache), cache.stats.snapshot()))
    return seen


def case_ttl_of_an_entry():
    clock, cache = timed(ttl=10)
    cache.set("own", 1)
    cache.set("short", 2, ttl=3)
    cache.set("ever", 3, ttl=None)
    cache.set("never", 4, ttl=0)
    rows = []
    for now in (0, 2, 3, 9, 10, 10_000):
        clock.now = now
        rows.append(
            (now, cache.keys(), [tried(cache.remaining, key) for key in ("own", "short", "ever", "never")])
        )
    return rows


def case_getting_does_not_prolong():
    clock, cache = timed(ttl=4)
    cache.set("a", 1)
    rows = []
    for now in (1, 2, 3, 4):
        clock.now = now
        rows.append(cache.get("a"))
    return rows


def case_touch():
    clock, cache = timed(3, ttl=10)
    for key in "abc":
        cache.set(key, key)
    clock.now = 4
    said = [cache.touch("a"), cache.touch("b", 2), cache.touch("c", None), cache.touch("z")]
    order = cache.keys()
    rows = []
    for now in (5, 6, 13, 14, 100):
        clock.now = now
        rows.append((cache.keys(), [tried(cache.remaining, key) for key in "abc"]))
    said.append(cache.touch("a"))
    clock.now = 101
    cache.set("b", 1)
    cache.touch("b", 3)
    clock.now = 103
    cache.touch("b")
    clock.now = 105
    said.append(cache.get("b"))
    clock.now = 106
    said.append(cache.get("b"))
    return said, order, rows, cache.stats.snapshot()


def case_touch_makes_it_the_last_used():
    cache = Cache(2)
    cache.set("a", 1)
    cache.set("b", 2)
    cache.touch("a")
    cache.set("c", 3)
    return cache.keys(), cache.stats.snapshot()


def case_replacing_takes_a_new_time():
    clock, cache = timed(ttl=5)
    cache.set("a", 1)
    clock.now = 3
    cache.set("a", 2)
    clock.now = 6
    mid = cache.get("a")
    clock.now = 8
    late = cache.get("a")
    cache.set("b", 1, ttl=2)
    cache.set("b", 2, ttl=None)
    clock.now = 20
    cache.set("c", 1, ttl=None)
    cache.set("c", 2, ttl=1)
    before = cache.keys()
    clock.now = 21
    return mid, late, before, cache.keys(), cache.stats.snapshot()


def case_expired_leave_first():
    clock, cache = timed(3)
    news = told(cache)
    cache.set("a", 1)
    cache.set("b", 2, ttl=5)
    cache.set("c", 3, ttl=4)
    clock.now = 6
    cache.set("d", 4)
    cache.set("e", 5)
    return cache.keys(), news, cache.stats.snapshot()


def case_expired_key_that_is_set_again():
    clock, cache = timed(3, ttl=2)
    news = told(cache)
    cache.set("a", 1, weight=2)
    clock.now = 2
    cache.set("a", 2, weight=2)
    return news, cache.items(), cache.weight, cache.stats.snapshot()


def case_purge_counts():
    clock, cache = timed(20)
    news = told(cache)
    for number, key in enumerate("hgfedcba"):
        cache.set(key, number, ttl=10 - number)
    clock.now = 6
    said = [cache.purge(), cache.purge()]
    clock.now = 9
    said += [len(cache), cache.weight, cache.purge()]
    return said, news, cache.stats.snapshot()


def case_every_call_sees_the_time():
    calls = {
        "weight": lambda cache: cache.weight,
        "get": lambda cache: cache.get("a"),
        "set": lambda cache: cache.set("a", 3),
        "refused": lambda cache: cache.set("b", 3, weight=99),
        "touch": lambda cache: cache.touch("a"),
        "remaining": lambda cache: cache.remaining("a"),
        "delete": lambda cache: cache.delete("a"),
        "pop": lambda cache: cache.pop("a"),
        "resize": lambda cache: cache.resize(1),
        "clear": lambda cache: cache.clear(),
        "keys": lambda cache: cache.keys(),
        "items": lambda cache: cache.items(),
        "len": len,
        "in": lambda cache: "a" in cache,
    }
    rows = []
    for name, call in calls.items():
        clock, cache = timed(4)
        news = told(cache)
        cache.set("a", 1, ttl=2)
        cache.set("b", 2, weight=2)
        clock.now = 2
        rows.append((name, tried(call, cache), list(news), cache.stats.snapshot()))
    return rows


def case_deleting_what_has_expired():
    clock, cache = timed(ttl=1)
    news = told(cache)
    cache.set("a", 1)
    cache.set("b", 2)
    clock.now = 1
    return cache.delete("a"), tried(cache.pop, "b"), cache.pop("b", 5), news


def case_resize_drops_the_expired_first():
    clock, cache = timed(3)
    cache.set("a", 1)
    cache.set("b", 2, ttl=1)
    cache.set("c", 3)
    clock.now = 1
    cache.resize(2)
    return cache.keys(), cache.stats.snapshot()


def case_many_touches():
    clock, cache = timed(5, ttl=10)
    for number in range(300):
        clock.now = number / 10
        cache.set(number % 3, number)
        cache.touch(number % 3)
    clock.now = 39.8
    return cache.items(), cache.remaining(2)
