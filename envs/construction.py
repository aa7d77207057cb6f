"""Making an environment: arguments held against its signature, and a fault that names its cause."""

from __future__ import annotations

import inspect
import traceback
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from ..arguments import Option, options_of_maker
from ..errors import EnvironmentFault, TurnwiseError, UnknownName, UsageError
from ..settings import typed
from .core import ENV_ERRORS, raise_as_fault

_MAX_CAUSE = 300
_TYPED = (bool, int, float, str)


def construct(cls: Any, name: str, kwargs: Mapping[str, Any]) -> Any:
    """Make an environment.

    Args:
        cls: its class, or what else makes it.
        name: what it is called, the beginning of every error.
        kwargs: its arguments.

    Raises:
        UnknownName: for an argument that it does not have, with the closest ones.
        UsageError: if it lacks an argument, or one has another type.
        EnvironmentFault: if its own code fails, in one line with the cause.
    """
    _check(cls, name, kwargs)
    try:
        return _made(cls, kwargs)
    except TurnwiseError:
        raise
    except Exception as error:
        raise_as_fault(f"{name}.__init__", error)
        raise EnvironmentFault(f"{name} could not be made: {_cause(error)}") from error
    except BaseException as error:
        raise_as_fault(f"{name}.__init__", error)
        raise


def arguments_of(maker: Any, fixed: Mapping[str, Any]) -> list[Option]:
    """Return the arguments of what makes an environment.

    Args:
        maker: its class, or what else makes it.
        fixed: the values that its id gives it where others are not given.
    """
    found = options_of_maker(maker, positional=True)
    return [replace(each, default=fixed.get(each.name, each.default)) for each in found]


def _check(cls: Any, name: str, kwargs: Mapping[str, Any]) -> None:
    try:
        signature = inspect.signature(cls)
    except ValueError:  # some that are written in C have none
        return
    kinds = {parameter.kind for parameter in signature.parameters.values()}
    known = {option.name: option for option in options_of_maker(cls, positional=True)}
    for argument, value in kwargs.items():
        if argument in known:
            _check_type(value, known[argument], name)
        elif inspect.Parameter.VAR_KEYWORD not in kinds:
            if not known:
                raise UsageError(f"{name} takes no arguments, and was given {argument!r}")
            raise UnknownName(f"argument of {name}", argument, known, listed=f"it takes {', '.join(known)}")
    try:
        signature.bind(**kwargs)
    except TypeError as error:
        raise UsageError(f"{name}: {error}; give it with -k NAME=VALUE or kwargs") from error


def _check_type(value: Any, option: Option, name: str) -> None:
    """Refuse a text, a number or a truth value where the signature says that it is another of these."""
    if type(value) in _TYPED and option.hint in _TYPED and value != option.default:
        typed(value, option.hint, name, option.name)


def _made(cls: Any, kwargs: Mapping[str, Any]) -> Any:
    """Make an environment; one whose constructor raises is closed, so that it keeps nothing open."""
    made_as_usual = isinstance(cls, type) and type(cls).__call__ is type.__call__
    if not made_as_usual:  # by a function, or as a metaclass has it
        return cls(**kwargs)
    env = cls.__new__(cls, **kwargs)
    if env.__class__ is not cls:
        return cls(**kwargs)
    try:
        cls.__init__(env, **kwargs)
    except BaseException:
        with suppress(*ENV_ERRORS):  # it is half made
            env.close()
        raise
    return env


def _cause(error: Exception) -> str:
    """Say in one line what was raised, and in which line of the constructor, without a path."""
    text = " ".join(f"{type(error).__name__}: {error}".split())[:_MAX_CAUSE]
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename != __file__]
    return f"{text} (line {frames[0].lineno}, in {frames[0].name})" if frames else text
