"""Arguments of agents and environments: which there are, of which type, and whether those given fit."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, dataclass
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from .errors import UnknownName
from .settings import declared, typed, words

Init = TypeVar("Init", bound=Callable[..., None])

_PLAIN = (int, float, bool, str, NoneType)


@dataclass(frozen=True, slots=True)
class Option:
    """One argument of an agent or an environment.

    Args:
        name: what stands before the sign of equality.
        hint: its type; None where that is not known here.
        shown: the type in words.
        default: the value without it; MISSING if it has to be given.
        help: what it means and which words it takes, where that is documented.
    """

    name: str
    hint: Any
    shown: str
    default: Any = MISSING
    help: str = ""

    @property
    def line(self) -> str:
        """Return it as one line of a list."""
        default = "required" if self.default is MISSING else f"default {self.default!r}"
        return f"  {self.name}: {self.shown}, {default}" + (f": {self.help}" if self.help else "")


def options_of_settings(cls: type) -> list[Option]:
    """Return the fields of a dataclass of settings as options."""
    return [
        Option(
            field.name,
            field.hint,
            words(field.hint),
            field.default,
            field.setting.help if field.setting else "",
        )
        for field in declared(cls)
    ]


def also_takes(base: type) -> Callable[[Init], Init]:
    """Return what puts keyword-only arguments of a base in place of the `**more` that an `__init__` hands on.

    They are then declared by the base alone, with type, default and what is said of them.

    Args:
        base: the class whose `__init__` gets them.
    """

    def told(init: Init) -> Init:
        own = [
            each for each in inspect.signature(init).parameters.values() if each.kind is not each.VAR_KEYWORD
        ]
        passed = inspect.signature(base.__init__).parameters.values()  # type: ignore[misc]
        more = [each for each in passed if each.kind is each.KEYWORD_ONLY]
        init.__signature__ = inspect.Signature([*own, *more])  # type: ignore[attr-defined]
        init.__annotations__ = {**get_type_hints(base.__init__), **init.__annotations__}  # type: ignore[misc]
        return init

    return told


def options_of_maker(maker: Callable[..., Any], *, positional: bool = False) -> list[Option]:
    """Return what a class or a function takes by keyword as options.

    Args:
        maker: the class or function.
        positional: take what may be given by place, too.
    """
    return list(_options(maker, positional))


def accepted(agent: str, given: Mapping[str, Any], known: list[Option]) -> dict[str, Any]:
    """Return the options as their types.

    Raises:
        UnknownName: for a name that there is not, with all there are.
        UsageError: for a value of another type.
    """
    by_name = {option.name: option for option in known}
    for name in given:
        if name not in by_name:
            listed = "".join("\n" + option.line for option in known)
            takes = f"{agent} takes{listed}" if known else f"{agent} takes no options"
            raise UnknownName(f"option of the agent {agent}", name, by_name, listed=takes)
    return {name: _typed(value, by_name[name], f"agent {agent}") for name, value in given.items()}


def _typed(value: Any, option: Option, where: str) -> Any:
    if option.hint is None:
        return value
    return typed(value, option.hint, where, option.name)


def _options(maker: Callable[..., Any], positional: bool) -> Iterator[Option]:
    kinds = [inspect.Parameter.KEYWORD_ONLY, *([inspect.Parameter.POSITIONAL_OR_KEYWORD] * positional)]
    hints, documented = _hints(maker), _documented(maker)
    for value in inspect.signature(maker).parameters.values():
        if value.kind in kinds:
            hint = hints.get(value.name)
            noted = "of any type" if value.annotation is value.empty else str(value.annotation)
            default = MISSING if value.default is value.empty else value.default
            shown = noted if hint is None else words(hint)
            checked = hint if _is_plain(hint) else None
            yield Option(value.name, checked, shown, default, documented.get(value.name, ""))


def _documented(maker: Callable[..., Any]) -> dict[str, str]:
    """Return what the section Args says of each argument: of a class, its bases and its __init__."""
    texts = [maker.__doc__]
    if isinstance(maker, type):
        texts = [*(base.__doc__ for base in reversed(maker.__mro__)), maker.__init__.__doc__]  # type: ignore[misc]
    found: dict[str, str] = {}
    for text in texts:
        _, _, section = inspect.cleandoc(text or "").partition("\nArgs:\n")
        section = re.split(r"\n(?=\S)", section)[0]
        for name, said in re.findall(r"(?m)^ {2,4}(\w+)(?: \([^)]*\))?: ((?:.|\n {5,})*)", section):
            found[name] = " ".join(said.split())
    return found


def _hints(maker: Callable[..., Any]) -> dict[str, Any]:
    """Return the types of parameters, where they can be told."""
    try:
        return get_type_hints(getattr(maker, "__init__", maker) if isinstance(maker, type) else maker)
    except (NameError, TypeError):  # names of another module, or none at all
        return {}


def _is_plain(hint: Any) -> bool:
    """Tell whether a command line can give it: a plain value, a word of several, or one of such."""
    if hint in _PLAIN or get_origin(hint) is Literal:
        return hint is not None
    return get_origin(hint) in (Union, UnionType) and all(_is_plain(arg) for arg in get_args(hint))
