"""Remembered calls of functions."""

import functools

_KEYWORDS = object()


def call_key(name, args, kwargs, typed=False):
    """Return a key for one call.

    Calls with the same arguments have the same key, whatever the order of keywords. With `typed`,
    arguments of other types differ even where they are equal, as 1, 1.0 and True are.
    """
    names = sorted(kwargs)
    key = (name, *args)
    if names:
        key += (_KEYWORDS, *((word, kwargs[word]) for word in names))
    if typed:
        key += tuple(type(value) for value in args) + tuple(type(kwargs[word]) for word in names)
    return key


def memoize(cache, ttl=None, typed=False):
    """Decorate a function so that its results are kept in a cache, with the cache's own ttl or another.

    Several functions may share a cache. What raises is not kept. The decorated function has
    `forget(*args, **kwargs)`, which tells whether there was something to forget, and `__wrapped__`.
    """

    options = {} if ttl is None else {"ttl": ttl}

    def decorate(function):
        name = f"{function.__module__}.{function.__qualname__}"

        @functools.wraps(function)
        def wrapper(*args, **kwargs):
            key = call_key(name, args, kwargs, typed)
            return cache.get_or_load(key, lambda _: function(*args, **kwargs), **options)

        def forget(*args, **kwargs):
            return cache.delete(call_key(name, args, kwargs, typed))

        wrapper.forget = forget
        return wrapper

    return decorate
