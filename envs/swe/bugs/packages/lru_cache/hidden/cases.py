"""Hidden cases of lru_cache."""

import random

from judging import tried, unordered
from lru_cache import Cache, Stats, call_key, memoize
from lru_cache.entry import Entry, Ring
from lru_cache.expiry import Expiry


class Clock:
    def __init__(self):
        self.now = 0

    def __call__(self):
        return self.now


def timed(max_weight=10, **options):
    clock = Clock()
    return clock, Cache(max_weight, clock=clock, **options)


def told(cache):
    news = []
    cache.subscribe(lambda key, value, reason: news.append((key, value, reason)))
    return news


def case_basic_lookups():
    cache = Cache(3)
    said = [cache.set("a", 1), cache.set("b", None), cache.set("c", 0), cache.set("d", "")]
    said += [cache.get(key, "none") for key in "abcd"] + [
        cache.get("x"),
        cache.peek("b", 1),
        cache.peek("x", 2),
    ]
    return said, cache.keys(), cache.items(), list(cache), len(cache), cache.stats.snapshot()


def case_use_orders_eviction():
    cache = Cache(3)
    seen = []
    for key in "abcabdaebc":
        if cache.get(key) is None:
            cache.set(key, key)
        seen.append("".join(cache.keys()))
    return seen


def case_peek_in_len_and_iteration_do_not_use():
    cache = Cache(2)
    cache.set("a", 1)
    cache.set("b", 2)
    cache.peek("a"), "a" in cache, len(cache), list(cache), cache.items(), cache.weight
    before = cache.stats.snapshot()
    cache.set("c", 3)
    return cache.keys(), before, "a" in cache, "b" in cache, "c" in cache


def case_weights():
    cache = Cache(10)
    seen = []
    for key, weight in [("a", 4), ("b", 4), ("c", 2), ("d", 1), ("e", 10), ("f", 0), ("g", 10), ("h", 0)]:
        seen.append((cache.set(key, key, weight=weight), cache.keys(), cache.weight))
    return seen, cache.stats.snapshot()


def case_too_heavy_evicts_nobody_else():
    cache = Cache(5)
    news = told(cache)
    cache.set("a", 1, weight=2)
    cache.set("b", 2, weight=3)
    said = [cache.set("c", 3, weight=6), cache.keys(), cache.weight]
    said += [cache.set("a", 4, weight=7), cache.keys(), cache.weight, cache.get("a")]
    return said, news, cache.stats.snapshot()


def case_replacing_needs_only_the_difference():
    cache = Cache(6)
    news = told(cache)
    for key in "abc":
        cache.set(key, key, weight=2)
    cache.set("c", "C", weight=2)
    first = cache.items()
    cache.set("a", "A", weight=1)
    second = cache.items(), cache.weight
    cache.set("b", "B", weight=5)
    return first, second, cache.items(), cache.weight, news


def case_bad_arguments_change_nothing():
    _, cache = timed(3, ttl=5)
    cache.set("a", 1)
    cache.set("b", 2)
    said = [tried(cache.set, "a", 9, weight=-1), tried(cache.set, "a", 9, ttl=-1), tried(cache.resize, -1)]
    said += [
        tried(cache.touch, "a", -0.5),
        tried(Cache, -1),
        tried(Cache, 1, ttl=-1),
        tried(cache.set, [], 1),
    ]
    said += [
        tried(Cache, 0).keys(),
        tried(cache.remaining, "zz"),
        tried(cache.pop, "zz"),
        cache.pop("zz", None),
    ]
    return said, cache.items(), cache.weight, cache.remaining("a"), cache.stats.snapshot()


def case_weigh_function():
    cache = Cache(10, weigh=lambda key, value: len(value))
    cache.set("a", "xxxx")
    cache.set("b", "yyy", weight=1)
    cache.set("c", "", weight=None)
    cache.set("d", "zzzzz", weight=0)
    one = cache.weight, cache.keys()
    cache.set("e", "12345678")
    negative = Cache(10, weigh=lambda key, value: value)
    negative.set("n", 3)
    said = tried(negative.set, "n", -3)
    return one, cache.weight, cache.keys(), said, negative.items(), negative.weight


def case_cache_of_no_weight():
    cache = Cache(0)
    return cache.set("a", 1), cache.set("b", 2, weight=0), cache.keys(), cache.weight, cache.stats.snapshot()


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


def case_delete_and_pop():
    cache = Cache(5)
    news = told(cache)
    for key in "abc":
        cache.set(key, key.upper(), weight=1)
    said = [cache.delete("b"), cache.delete("b"), cache.pop("a"), tried(cache.pop, "a"), cache.pop("a", None)]
    return said, cache.keys(), cache.weight, news, cache.stats.snapshot()


def case_pop_of_none():
    cache = Cache(5)
    cache.set("a", None)
    return cache.pop("a", 3), cache.pop("a", 3), tried(cache.pop, "a")


def case_resize():
    cache = Cache(6)
    news = told(cache)
    for key, weight in zip("abcd", (1, 2, 1, 2)):
        cache.set(key, key, weight=weight)
    cache.get("a")
    rows = []
    for size in (6, 4, 9, 3, 0):
        cache.resize(size)
        rows.append((cache.max_weight, cache.keys(), cache.weight))
    cache.resize(2)
    cache.set("x", 1, weight=2)
    return rows, cache.keys(), news, cache.stats.snapshot()


def case_resize_drops_the_expired_first():
    clock, cache = timed(3)
    cache.set("a", 1)
    cache.set("b", 2, ttl=1)
    cache.set("c", 3)
    clock.now = 1
    cache.resize(2)
    return cache.keys(), cache.stats.snapshot()


def case_clear():
    clock, cache = timed(9, ttl=4)
    news = told(cache)
    for key in "abc":
        cache.set(key, key, ttl=None if key == "a" else 9)
    cache.set("d", 1)
    cache.get("a")
    clock.now = 5
    cache.clear()
    empty = cache.keys(), cache.weight, len(cache)
    cache.set("b", 2)
    clock.now = 9
    return news, empty, cache.keys(), cache.stats.snapshot()


def case_clear_empty():
    cache = Cache(3)
    return cache.clear(), cache.keys(), cache.purge()


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


def case_set_many():
    cache = Cache(4)
    said = [cache.set_many({"a": 1, "b": 2}), cache.set_many([("c", 3), ("d", 4), ("a", 5)], weight=2)]
    said += [cache.set_many([]), cache.set_many(iter([("x", 1), ("y", 2)]), weight=5), cache.set_many({})]
    clock, timely = timed(ttl=5)
    timely.set_many({"p": 1}, ttl=2)
    timely.set_many({"q": 1}, ttl=None)
    timely.set_many({"r": 1})
    rows = []
    for now in (1, 2, 5):
        clock.now = now
        rows.append(timely.keys())
    return said, cache.items(), rows


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


def case_hit_rate():
    cache = Cache(2)
    rates = [cache.stats.hit_rate()]
    for key in "abab":
        cache.get(key)
        cache.set(key, 1)
        rates.append(cache.stats.hit_rate())
    return rates, cache.stats.lookups, cache.stats.hits, cache.stats.misses


def case_stats_object():
    stats = Stats()
    first = stats.snapshot()
    stats.hits += 3
    stats.misses += 1
    second = stats.snapshot()
    second["hits"] = 99
    moved = stats.since(first), stats.since({}), stats.since({"hits": 1})
    rate = stats.hit_rate()
    stats.reset()
    return first, second, moved, rate, stats.snapshot(), stats.hit_rate(), Stats().snapshot(), stats.lookups


def case_two_caches_share_nothing():
    one, two = Cache(2), Cache(2)
    news = told(one)
    one.set("a", 1)
    two.set("b", 2)
    two.delete("b")
    one.get("zz")
    return one.items(), two.items(), news, one.stats.snapshot(), two.stats.snapshot(), one.weight, two.weight


def case_ring():
    ring = Ring()
    entries = {key: Entry(key, None, 1, None, None) for key in "abcdef"}
    said = [ring.oldest(), [entry.key for entry in ring]]
    for entry in entries.values():
        ring.append(entry)
    ring.renew(entries["a"])
    ring.renew(entries["d"])
    ring.renew(entries["d"])
    said.append("".join(entry.key for entry in ring))
    ring.remove(entries["b"])
    ring.remove(entries["d"])
    said += ["".join(entry.key for entry in ring), ring.oldest().key]
    lone = entries["b"]
    said += [lone.older is lone, lone.newer is lone]
    ring.append(lone)
    gone = []
    for entry in ring:
        if entry.key in "cb":
            ring.remove(entry)
            gone.append(entry.key)
    return said, gone, "".join(entry.key for entry in ring)


def case_entry_expires():
    rows = [(expires, now) for expires in (None, 0, 1.5, 3) for now in (0, 1, 1.5, 2.999, 3, 4)]
    return [(row, Entry("k", 1, 1, None, row[0]).is_expired(row[1])) for row in rows]


def case_expiry_schedule():
    expiry = Expiry()
    for key, expires in [
        ("a", 5),
        ("b", 3),
        ("c", 9),
        ("b", 7),
        ("d", 5),
        ("e", None),
        ("f", 1),
        ("f", None),
    ]:
        expiry.schedule(key, expires)
    said = [len(expiry), expiry.next_time()]
    expiry.cancel("d")
    expiry.cancel("nobody")
    said += [expiry.due(4), expiry.due(5), expiry.next_time(), expiry.due(7), len(expiry), expiry.due(100)]
    said += [expiry.next_time(), len(expiry), expiry.due(100)]
    expiry.schedule("z", 2)
    expiry.clear()
    return said, len(expiry), expiry.next_time(), expiry.due(10)


def case_expiry_of_equal_times():
    expiry = Expiry()
    for key in [("t", 1), "s", 3, None, 2.5, "r"]:
        expiry.schedule(key, 4)
    return expiry.due(3.9), expiry.due(4)


def case_expiry_stays_small():
    expiry = Expiry()
    sizes = []
    for number in range(400):
        expiry.schedule(number % 5, 1000 - number)
        sizes.append(expiry.records <= 30)
    return all(sizes), len(expiry), expiry.due(1000), expiry.records


def case_many_touches():
    clock, cache = timed(5, ttl=10)
    for number in range(300):
        clock.now = number / 10
        cache.set(number % 3, number)
        cache.touch(number % 3)
    clock.now = 39.8
    return cache.items(), cache.remaining(2)


def case_call_keys():
    keys = {
        "plain": call_key("f", (1, 2), {}),
        "words": call_key("f", (1,), {"b": 2, "a": 3}),
        "swapped": call_key("f", (1,), {"a": 3, "b": 2}),
        "other": call_key("f", (1,), {"a": 2, "b": 3}),
        "looks like words": call_key("f", (1, ("a", 3), ("b", 2)), {}),
        "float": call_key("f", (1.0, 2), {}),
        "float typed": call_key("f", (1.0, 2), {}, typed=True),
        "typed": call_key("f", (1, 2), {}, typed=True),
        "word typed": call_key("f", (), {"a": True}, typed=True),
        "word int typed": call_key("f", (), {"a": 1}, typed=True),
        "other name": call_key("g", (1, 2), {}),
        "none": call_key("f", (), {}),
        "one word": call_key("f", (), {"a": 1}),
        "another word": call_key("f", (), {"b": 1}),
        "as positions": call_key("f", ("a", 1), {}),
        "type as argument": call_key("f", (1, 2, int, int), {}),
    }
    names = list(keys)
    return [(a, b) for a in names for b in names if a < b and keys[a] == keys[b]], len({*keys.values()})


def case_memoize():
    clock, cache = timed(20, ttl=10)
    calls = []

    @memoize(cache)
    def add(a, b=0):
        """Add."""
        calls.append((a, b))
        return a + b

    @memoize(cache)
    def multiply(a, b=0):
        calls.append((a, "*", b))
        return a * b

    said = [add(1, b=2), add(1, b=2), multiply(1, b=2), add(1, 2), add(1.0, b=2), add(True, b=2)]
    said += [
        add.forget(1, b=2),
        add.forget(1, b=2),
        add(1, b=2),
        multiply.forget(9),
        add.__name__,
        add.__doc__,
    ]
    clock.now = 10
    said += [add(1, b=2), add.__wrapped__(5)]
    return said, calls, len(cache)


def case_memoize_with_ttl_and_types():
    clock, cache = timed(20, ttl=10)
    calls = []

    @memoize(cache, ttl=2, typed=True)
    def double(x):
        calls.append(x)
        if x == 13:
            raise ValueError(x)
        return [x, x]

    @memoize(cache, ttl=0)
    def never(x):
        calls.append("never")
        return x

    said = [
        double(1),
        double(1.0),
        double(True),
        double(1),
        tried(double, 13),
        tried(double, 13),
        never(1),
        never(1),
    ]
    clock.now = 2
    said.append(double(1))
    said += [double.forget(1.0), double.forget(1), double.forget(True)]
    return said, calls


def case_kept_values_are_the_same_objects():
    cache = Cache(3)
    value = [1]
    cache.set("a", value)
    value.append(2)
    return cache.get("a") is value, cache.peek("a"), cache.items()[0][1] is value


def case_keys_and_items_are_copies():
    cache = Cache(3)
    cache.set("a", 1)
    keys, items = cache.keys(), cache.items()
    keys.append("z")
    items.clear()
    walked = []
    for key in cache:
        walked.append(key)
        cache.set(key + "+", 1) if len(walked) < 3 else None
    return cache.keys(), walked


def case_long_random_play():
    seeds = []
    for seed in range(6):
        source = random.Random(seed)
        clock, cache = timed(12, ttl=20)
        news = told(cache)
        for _ in range(250):
            clock.now += source.choice([0, 1, 2])
            key, action = source.randrange(9), source.random()
            if action < 0.4:
                cache.get(key)
            elif action < 0.7:
                cache.set(
                    key,
                    source.random() < 0.5,
                    weight=source.randrange(6),
                    ttl=source.choice([None, 3, 9, 30]),
                )
            elif action < 0.8:
                cache.touch(key)
            elif action < 0.9:
                cache.delete(key)
            else:
                cache.peek(key)
        reasons = [reason for _, _, reason in news]
        counts = unordered({reason: reasons.count(reason) for reason in set(reasons)})
        seeds.append((cache.items(), cache.weight, counts, cache.stats.snapshot()))
    return seeds
