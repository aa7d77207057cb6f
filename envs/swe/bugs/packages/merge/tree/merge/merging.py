"""Two configurations become one."""

from .errors import ConflictError
from .paths import format_path
from .rules import Rules
from .values import REMOVE, clone, same


def merge(base, over, rules=None):
    """Return a new configuration: the first one with the second one over it.

    Args:
        base: a dictionary; not changed.
        over: a dictionary; not changed.
        rules: which strategies count; "deep" everywhere if None.

    Raises:
        ConflictError: naming the path where two values cannot be made into one.
    """
    return _merge(base, over, rules or Rules(), ())


def _merge(base, over, rules, path):
    strategy = rules.strategy(path)
    if strategy == "keep":
        return clone(base)
    if strategy == "forbid":
        if not same(base, over):
            raise ConflictError(f"{format_path(path)}: {base!r} must not become {over!r}")
        return clone(base)
    if strategy in ("append", "prepend", "union"):
        _both(list, base, over, strategy, path)
        return _joined(clone(base), clone(over), strategy)
    if strategy in ("max", "min", "sum"):
        _both((int, float), base, over, strategy, path)
        return {"max": max(base, over), "min": min(base, over), "sum": base + over}[strategy]
    if strategy.startswith("by:"):
        _both(list, base, over, strategy, path)
        return _by_key(base, over, strategy[3:], rules, path)
    if strategy == "deep" and isinstance(base, dict) and isinstance(over, dict):
        return _dictionaries(base, over, rules, path)
    return clone(over)


def _dictionaries(base, over, rules, path):
    result = clone(base)
    for key, value in over.items():
        if value is REMOVE:
            result.pop(key, None)
        elif key in base:
            result[key] = _merge(base[key], value, rules, (*path, key))
        else:
            result[key] = clone(value)
    return result


def _joined(base, over, strategy):
    if strategy == "append":
        return base + over
    if strategy == "prepend":
        return over + base
    for value in over:
        if not any(same(value, one) for one in base):
            base.append(value)
    return base


def _by_key(base, over, key, rules, path):
    result = clone(base)
    places = {}
    for index, entry in enumerate(result):
        places.setdefault(_key_of(entry, key, path), index)
    for entry in over:
        index = places.setdefault(_key_of(entry, key, path), len(result))
        if index == len(result):
            result.append(clone(entry))
        else:
            result[index] = _merge(result[index], entry, rules, (*path, index))
    return result


def _key_of(entry, key, path):
    if not isinstance(entry, dict) or not isinstance(entry.get(key), (str, int)):
        raise ConflictError(f"{format_path(path)}: expected dictionaries with the key {key!r}, not {entry!r}")
    return entry[key]


def _both(kinds, base, over, strategy, path):
    for value in (base, over):
        if not isinstance(value, kinds) or isinstance(value, bool):
            raise ConflictError(f"{format_path(path)}: {strategy} does not work with {value!r}")
