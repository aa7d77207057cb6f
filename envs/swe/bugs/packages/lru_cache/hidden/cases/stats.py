"""Hidden cases of lru_cache: stats."""

from lru_cache import Cache, Stats


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
