"""Hidden cases of lru_cache: memo."""

from cases.shared import timed
from judging import tried
from lru_cache import call_key, memoize


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
