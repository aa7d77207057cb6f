"""What configurations are made of: dictionaries, lists, and plain values in them."""


class _Remove:
    def __repr__(self):
        return "REMOVE"


REMOVE = _Remove()
"""In place of a value: the key is to be removed."""


def clone(value, *, removals=False):
    """Return a copy that shares no dictionary and no list with the original.

    Args:
        value: what to copy.
        removals: keep the keys that are to be removed, instead of leaving them out.
    """
    if isinstance(value, dict):
        kept = {key: one for key, one in value.items() if removals or one is not REMOVE}
        return {key: clone(one, removals=removals) for key, one in kept.items()}
    if isinstance(value, list):
        return [clone(one, removals=removals) for one in value]
    return value


def same(one, other):
    """Say whether two values are equal and of the same types: True, 1 and 1.0 are three values.

    The order of keys does not matter.
    """
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other
