"""Which handler a path leads to."""

import re

from .errors import HTTPError
from .query import quote

_PARAMETER = re.compile(r"\{(\w+)(?::(\w+))?\}")
_KINDS = {"str": r"[^/]+", "int": r"[0-9]+", "path": r".+"}


class _Route:
    def __init__(self, pattern, name):
        self.pattern = pattern
        self.name = name
        self.handlers = {}  # method -> handler
        self.kinds = {}
        expression = ""
        end = 0
        for match in _PARAMETER.finditer(pattern):
            parameter, kind = match[1], match[2] or "str"
            if kind not in _KINDS or parameter in self.kinds:
                raise ValueError(f"{pattern}: {match[0]}: expected a new name and one of {', '.join(_KINDS)}")
            self.kinds[parameter] = kind
            expression += re.escape(pattern[end : match.start()]) + f"(?P<{parameter}>{_KINDS[kind]})"
            end = match.end()
        self.expression = re.compile(expression + re.escape(pattern[end:]), re.DOTALL)

    def match(self, path):
        match = self.expression.fullmatch(path)
        if match is None:
            return None
        return {
            name: int(text) if self.kinds[name] == "int" else text for name, text in match.groupdict().items()
        }


class Router:
    """Routes by pattern; those without parameters come first, the others in the order of adding."""

    def __init__(self):
        self._routes = []

    def add(self, method, pattern, handler, name=None):
        """Add a handler; the same pattern may have one for each method.

        Raises:
            ValueError: if the pattern is wrong, or has a handler for this method.
        """
        route = next((one for one in self._routes if one.pattern == pattern), None)
        if route is None:
            route = _Route(pattern, name)
            self._routes.append(route)
            self._routes.sort(key=lambda one: bool(one.kinds))
        if method in route.handlers:
            raise ValueError(f"{pattern} has a handler for {method}")
        route.handlers[method] = handler
        route.name = route.name or name

    def find(self, method, path):
        """Return the handler for a path and its parameters.

        Raises:
            HTTPError: 404 if no pattern matches, 405 if those that match do not know the method.
        """
        allowed = set()
        for route in self._routes:
            parameters = route.match(path)
            if parameters is None:
                continue
            handler = route.handlers.get(method)
            if handler is None and method == "HEAD":
                handler = route.handlers.get("GET")
            if handler is not None:
                return handler, parameters
            allowed.update(route.handlers)
        if not allowed:
            raise HTTPError(404)
        if "GET" in allowed:
            allowed.add("HEAD")
        raise HTTPError(405, headers=[("Allow", ", ".join(sorted(allowed)))])

    def url(self, name, /, **parameters):
        """Return the path of a named route.

        Raises:
            KeyError: if there is no such route, or a parameter is missing.
            ValueError: if the route does not match what would come out.
        """
        route = next((one for one in self._routes if one.name == name), None)
        if route is None:
            raise KeyError(name)
        path = _PARAMETER.sub(lambda match: str(parameters[match[1]]), route.pattern)
        if route.match(path) is None:
            raise ValueError(f"{route.pattern} does not match {path!r}")
        return _PARAMETER.sub(
            lambda match: quote(str(parameters[match[1]]), "/" if match[2] == "path" else ""), route.pattern
        )
