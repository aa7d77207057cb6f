"""What a server tells of an environment, and checks arguments by, without building it.

It follows from the class, which has to be imported. Where that may only happen
in a container, the container is asked, and its answer is text.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from ...envs.adapters.text import TextAdapter
from ...envs.fingerprint import code_fingerprint
from ...envs.registry import EnvClass, arguments, class_of


@dataclass(frozen=True, slots=True)
class EnvDescription:
    """What is known of an environment.

    Args:
        fingerprint: of the class; empty where a function builds the environment.
        description: a line for people.
        no_expert: why it has no expert; None if it has one.
        kwargs: name of an argument -> what the class says of its type.
        files: the arguments that are paths.
        withheld: the arguments that only the operator may give.
    """

    fingerprint: str = ""
    description: str = ""
    no_expert: str | None = None
    kwargs: Mapping[str, str] | None = None
    files: tuple[str, ...] = ()
    withheld: tuple[str, ...] = ()


def describe_env(env_id: str) -> EnvDescription:
    """Import an environment's class and describe it.

    Raises:
        UnknownName: if the id is not registered.
        UsageError: if the class cannot be imported.
    """
    cls = class_of(env_id)
    if cls is None:
        return EnvDescription(kwargs={})
    parameters = _parameters(cls)
    annotations = {
        parameter.name: "" if parameter.annotation is parameter.empty else str(parameter.annotation)
        for parameter in parameters
    }
    return EnvDescription(
        fingerprint=code_fingerprint(cls),
        description=(inspect.getdoc(cls) or "").partition("\n")[0],
        no_expert=getattr(cls, "no_expert", TextAdapter.no_expert),
        kwargs={option.name: annotations.get(option.name, option.shown) for option in arguments(env_id)},
        files=tuple(parameter.name for parameter in parameters if "Path" in str(parameter.annotation)),
        withheld=tuple(getattr(cls, "for_operators", ())),
    )


def plain_description(described: EnvDescription) -> dict[str, Any]:
    """Make a description a JSON value."""
    return asdict(described)


def description_from(value: Any) -> EnvDescription:
    """Make a description of a JSON value that came from where nothing is to be trusted.

    Raises:
        ValueError: if it does not have that form.
    """
    match value:
        case {
            "fingerprint": str(fingerprint),
            "description": str(description),
            "no_expert": str() | None as no_expert,
            "kwargs": dict(kwargs),
            "files": list(files),
            "withheld": list(withheld),
        } if all(isinstance(text, str) for text in [*kwargs.values(), *files, *withheld]):
            return EnvDescription(fingerprint, description, no_expert, kwargs, tuple(files), tuple(withheld))
    raise ValueError(f"{str(value)[:200]!r} does not describe an environment")


def _parameters(cls: EnvClass) -> list[inspect.Parameter]:
    return [
        parameter
        for parameter in list(inspect.signature(cls.__init__).parameters.values())[1:]
        if parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
    ]
