"""Hidden cases of lru_cache: cache."""

import random

from cases.shared import timed, told
from judging import tried, unordered
from lru_cache import Cache


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


def case_two_caches_share_nothing():
    one, two = Cache(2), Cache(2)
    news = told(one)
    one.set("a", 1)
    two.set("b", 2)
    two.delete("b")
    one.get("zz")
    return one.items(), two.items(), news, one.stats.snapshot(), two.stats.snapshot(), one.weight, two.weight


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
