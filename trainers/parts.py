"""Parts: what a recipe names, and the functions that are found by these names.

    credit = {name = "gigpo", gamma = 0.95}     # in a recipe: a name, its parameters beside it

A kind of part (credit estimator, loss, sampler, ...) has one registry. A function enters
it by a decorator; its keyword-only parameters are what a recipe may set. Binding a part
checks its name and parameters once and returns the function with them.

    REGISTRY = Registry("reward transform", Named)
    @REGISTRY.register("halved")
    def halved(table, *, factor=0.5): ...
    halve = REGISTRY.bind(Part("halved", {"factor": 0.25}))
    halve(table)
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import update_wrapper
from typing import Annotated, Any, Generic, Literal, TypeVar, get_args, get_origin, get_type_hints

from ..errors import UnknownName, UsageError
from ..settings import REST


@dataclass(frozen=True, slots=True)
class Part:
    """A part as a recipe names it.

    A section that names a part and has settings of its own extends this class: keys
    that are not its own fields are parameters of the part.
    """

    name: str = ""
    params: Annotated[Mapping[str, Any], REST] = field(default_factory=dict)


Exactness = Literal["golden", "by hand", "our reading", "ours"]


@dataclass(frozen=True, slots=True)
class Source:
    """Where a part comes from, and how much of it is known to be as there: a row of docs/papers.md.

    Args:
        paper: the title, or the name that the field knows it by; empty for what is ours.
        ref: "arXiv 2505.10978", or the year and place of what is not there.
        exact: "golden" where it equals the authors' published function to 1e-8; "by hand" where it equals
            the printed equation on cases worked out in a test; "our reading" where neither can be had;
            "ours" where it is nobody's.
        how: what is golden or by hand, where not all is.
        note: what is our reading, and where it differs from its source.
    """

    paper: str = ""
    ref: str = ""
    exact: Exactness = "by hand"
    how: str = ""
    note: str = ""


Result = TypeVar("Result")


@dataclass(eq=False)
class Named(Generic[Result]):
    """A function under a name.

    Args:
        kind: what the name names, for messages.
        name: of the function.
        function: what is called.
        defaults: its keyword parameters that may be given, `inspect.Parameter.empty` where one must be.
        params: its keyword parameters that are bound.
        source: of a part that turnwise brings.
    """

    kind: str
    name: str
    function: Callable[..., Result]
    defaults: Mapping[str, Any]
    params: Mapping[str, Any] = field(default_factory=dict)
    source: Source | None = None

    def __post_init__(self) -> None:
        update_wrapper(self, self.function, updated=())

    def __call__(self, *given: Any, **params: Any) -> Result:
        """Call the function.

        Raises:
            UnknownName: for a parameter that it does not have.
            UsageError: if a parameter without default is missing.
        """
        self.check_params(params)
        return self.apply(*given, **self.params, **params)

    def apply(self, *given: Any, **params: Any) -> Result:
        """Call the function; a kind that checks what goes in or comes out does so here."""
        return self.function(*given, **params)

    @property
    def summary(self) -> str:
        """Return the first line of the function's docstring."""
        return (inspect.getdoc(self.function) or "").partition("\n")[0]

    def check_params(self, params: Mapping[str, Any], others: Iterable[str] = ()) -> None:
        """Refuse parameters that the function does not have, and ask for those without default.

        Args:
            params: to check.
            others: names that are close to hand where a parameter is misspelt.

        Raises:
            UnknownName: naming the closest parameter, or value of one whose type lists its values.
            UsageError: if a parameter without default is missing.
        """
        for key in params:
            if key not in self.defaults:
                raise UnknownName(f"parameter of {self.kind} {self.name}", key, [*self.defaults, *others])
        for key, default in self.defaults.items():
            if default is inspect.Parameter.empty and key not in params:
                raise UsageError(f"{self.kind} {self.name} needs {key}=...")
        for key, known in (self._choices() if params else {}).items():
            if key in params and params[key] not in known:
                raise UnknownName(f"value of {key}", str(params[key]), map(str, known))

    def _choices(self) -> dict[str, tuple[Any, ...]]:
        """Return the values that parameters may have, where their types list them."""
        try:
            hints = get_type_hints(self.function)
        except NameError:  # types that only a type checker imports
            return {}
        return {key: get_args(hint) for key, hint in hints.items() if get_origin(hint) is Literal}


Method = TypeVar("Method", bound=Named[Any])


class Registry(Generic[Method]):
    """Named functions of one kind; a module offers `register`, `get`, `names` and `bind` as its own.

    Args:
        kind: what the names name, for messages, e.g. "credit estimator".
        make: the class of its members: make(kind, name, function, defaults, **more).
    """

    def __init__(self, kind: str, make: Callable[..., Method]) -> None:
        self._kind, self._make = kind, make
        self._methods: dict[str, Method] = {}

    def register(self, name: str, **more: Any) -> Callable[[Callable[..., Any]], Method]:
        """Return a decorator that keeps a function under a name and returns it wrapped.

        Args:
            name: of the function; its keyword-only parameters are the part's parameters.
            more: what a member of this kind declares besides, e.g. the value heads of an estimator.

        Raises:
            UsageError: if the name is taken.
        """

        def enter(function: Callable[..., Any]) -> Method:
            if name in self._methods:
                raise UsageError(f"{self._kind} {name!r} is registered already: choose another name")
            parameters = inspect.signature(function).parameters.values()
            defaults = {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}
            self._methods[name] = self._make(self._kind, name, function, defaults, **more)
            return self._methods[name]

        return enter

    def get(self, name: str) -> Method:
        """Return the member of a name.

        Raises:
            UnknownName: with the closest names.
        """
        if name not in self._methods:
            raise UnknownName(self._kind, name, self._methods)
        return self._methods[name]

    def names(self) -> list[str]:
        """Return all names, sorted."""
        return sorted(self._methods)

    def bind(self, part: Part) -> Method:
        """Return the member that a part names, with the part's parameters in it.

        Raises:
            UnknownName: for a name or a parameter that is not there.
            UsageError: if the part has no name, or a parameter without default is missing.
        """
        if not part.name:
            raise UsageError(
                f"a {self._kind} with {dict(part.params)!r} has no name; "
                "expected {name = ..., and its parameters}"
            )
        method = self.get(part.name)
        if "params" in part.params and "params" not in method.defaults:
            raise UsageError(
                f"{self._kind} {part.name}: params = {part.params['params']!r} is not a parameter; "
                f'parameters stand beside the name, as in {{name = "gigpo", gamma = 0.95}}'
            )
        known = {own.name for own in fields(Part)}
        method.check_params(part.params, [own.name for own in fields(part) if own.name not in known])
        return replace(method, params=part.params, defaults={})


def check_choice(parameter: str, given: str, known: tuple[str, ...]) -> None:
    """Raise an UnknownName if a parameter's value is not among those known."""
    if given not in known:
        raise UnknownName(f"value of {parameter}", str(given), known)
