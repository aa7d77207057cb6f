"""References from one value to another.

home = "/srv/${user.name}"        part of a text
port = "${defaults.port}"         the value itself, a number stays a number
mode = "${mode_override:-safe}"   with a default, which is a text
price = "5 $$"                    a dollar
"""

import re

from .errors import ExpandError
from .paths import format_path, get, parse_path
from .values import clone

_REFERENCE = re.compile(r"\$(?:(?P<dollar>\$)|\{(?P<body>[^{}]*)\}|(?P<open>\{))")
_WHOLE = re.compile(r"\$\{([^{}]*)\}")
_MISSING = object()
_WORDS = {None: "null", True: "true", False: "false"}


def expand(config):
    """Return a copy of a configuration in which no references are left.

    What a reference leads to is expanded too.

    Raises:
        ExpandError: naming a reference that leads to nothing, in a circle, or puts a list or a dictionary
            into a text; or a text with a `${` that is not closed.
    """
    return _Expansion(config).of(config)


class _Expansion:
    def __init__(self, config):
        self._config = config
        self._open = []  # the paths that are being followed

    def of(self, value):
        if isinstance(value, dict):
            return {key: self.of(one) for key, one in value.items()}
        if isinstance(value, list):
            return [self.of(one) for one in value]
        if not isinstance(value, str):
            return value
        whole = _WHOLE.fullmatch(value)
        return self._follow(whole[1]) if whole else _REFERENCE.sub(self._text, value)

    def _follow(self, body):
        text, colon, default = body.partition(":-")
        path = parse_path(text.strip())
        value = get(self._config, path, _MISSING)
        if value is _MISSING:
            if not colon:
                raise ExpandError(f"${{{body}}} leads to nothing")
            return default
        if path in self._open:
            circle = [format_path(one) for one in [*self._open[self._open.index(path) :], path]]
            raise ExpandError("references in a circle: " + " -> ".join(circle))
        self._open.append(path)
        result = self.of(value)
        self._open.pop()
        return clone(result)

    def _text(self, match):
        if match["dollar"]:
            return "$"
        if match["open"]:
            raise ExpandError(f"a ${{ that is not closed in {match.string!r}")
        value = self._follow(match["body"])
        if isinstance(value, (dict, list)):
            raise ExpandError(
                f"${{{match['body']}}} is a {type(value).__name__}, which cannot be part of a text"
            )
        return _WORDS[value] if value is None or isinstance(value, bool) else str(value)
