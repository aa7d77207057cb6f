"""Functions by name, with their parameters checked: estimators, transforms of advantages and of rewards."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from ...errors import UnknownName, UsageError

__all__ = ["Named", "Registry", "check_choice"]


@dataclass(frozen=True)
class Named:
    """Be a function under a name; `defaults` are its keyword parameters."""

    kind: str
    name: str
    function: Callable[..., Any]
    defaults: Mapping[str, Any]

    @property
    def summary(self) -> str:
        """Return the first line of the function's docstring."""
        return (inspect.getdoc(self.function) or "").partition("\n")[0]

    def check_params(self, params: Mapping[str, Any]) -> None:
        """Refuse parameters that the function does not have, and ask for those without default.

        Raises:
            UnknownName: naming the closest parameter.
            UsageError: if a parameter without default is missing.
        """
        for key in params:
            if key not in self.defaults:
                raise UnknownName(f"parameter of {self.kind} {self.name}", key, self.defaults)
        for key, default in self.defaults.items():
            if default is inspect.Parameter.empty and key not in params:
                raise UsageError(f"{self.kind} {self.name} needs {key}=...")


Method = TypeVar("Method", bound=Named)


class Registry(Generic[Method]):
    """Keep named functions of one kind; a module offers the bound `register`, `get` and `names` as its own.

    Args:
        kind: what the names name, for messages, e.g. "credit estimator".
        make: the class that wraps a function: make(kind, name, function, defaults).
    """

    def __init__(self, kind: str, make: Callable[..., Method]) -> None:
        self._kind, self._make = kind, make
        self._methods: dict[str, Method] = {}

    def register(self, name: str) -> Callable[[Callable[..., Any]], Method]:
        """Return a decorator that keeps a function under a name and returns it wrapped.

        The function's keyword-only parameters are the method's parameters.

        Raises:
            UsageError: if the name is taken.
        """

        def keep(function: Callable[..., Any]) -> Method:
            if name in self._methods:
                raise UsageError(f"{self._kind} {name!r} is registered already: choose another name")
            parameters = inspect.signature(function).parameters.values()
            defaults = {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}
            method = self._make(self._kind, name, function, defaults)
            object.__setattr__(method, "__doc__", function.__doc__)
            object.__setattr__(method, "__wrapped__", function)
            self._methods[name] = method
            return method

        return keep

    def get(self, name: str) -> Method:
        """Return the method of a name.

        Raises:
            UnknownName: with the closest names.
        """
        if name not in self._methods:
            raise UnknownName(self._kind, name, self._methods)
        return self._methods[name]

    def names(self) -> list[str]:
        """Return all names, sorted."""
        return sorted(self._methods)


def check_choice(parameter: str, given: str, known: tuple[str, ...]) -> None:
    """Raise an UnknownName if a parameter's value is not among those known."""
    if given not in known:
        raise UnknownName(f"value of {parameter}", str(given), known)
