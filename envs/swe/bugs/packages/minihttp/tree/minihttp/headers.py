"""Headers: names in any case, in their order, several values each."""


class Headers:
    """A list of names and values.

    Args:
        pairs: (name, value) to begin with.

    Raises:
        ValueError: if a name or a value could break out of its line.
    """

    def __init__(self, pairs=()):
        self._pairs = []
        for name, value in pairs:
            self.add(name, value)

    def __len__(self):
        return len(self._pairs)

    def __iter__(self):
        return iter(list(self._pairs))

    def __contains__(self, name):
        return any(_is(one, name) for one, _ in self._pairs)

    def add(self, name, value):
        """Add a value, beside those that the name may have."""
        self._pairs.append(_checked(name, value))

    def set(self, name, value):
        """Give a name this value alone; it keeps the place of its first one."""
        pair = _checked(name, value)
        places = [place for place, (one, _) in enumerate(self._pairs) if _is(one, name)]
        if not places:
            self._pairs.append(pair)
            return
        self._pairs[places[0]] = pair
        for place in reversed(places[1:]):
            del self._pairs[place]

    def set_default(self, name, value):
        """Give a name this value if it has none."""
        if name not in self:
            self.add(name, value)

    def remove(self, name):
        """Remove a name with all of its values; it need not be there."""
        self._pairs = [(one, value) for one, value in self._pairs if not _is(one, name)]

    def get(self, name, default=None):
        """Return the first value of a name."""
        return next((value for one, value in self._pairs if _is(one, name)), default)

    def get_all(self, name):
        """Return all values of a name."""
        return [value for one, value in self._pairs if _is(one, name)]

    def copy(self):
        """Return headers with the same pairs."""
        return Headers(self._pairs)


def _is(one, other):
    return one.lower() == other.lower()


def _checked(name, value):
    value = str(value).strip()
    if not name or any(char in name for char in " :\r\n") or any(char in value for char in "\r\n\0"):
        raise ValueError(f"not a header: {name!r}: {value!r}")
    return name, value
