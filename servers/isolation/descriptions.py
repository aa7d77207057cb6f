"""What a server tells of an environment, and checks arguments by, without building it.

It follows from the class, which has to be imported. Where that may only happen
in a container, the container is asked, and its answer is text.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from gymnasium.envs.registration import registry

from ...envs.core import TextEnv
from ...envs.fingerprint import code_fingerprint
from ...envs.registry import is_registered, load_class, registered
from ...errors import UnknownName

__all__ = ["Facts", "facts_from", "facts_of", "plain_facts"]


@dataclass(frozen=True, slots=True)
class Facts:
    """Describe an environment.

    Args:
        fingerprint: of the class; empty where a function builds the environment.
        description: a line for people.
        no_expert: why it has no expert; None if it has one.
        kwargs: name of an argument -> what the class says of its type.
        files: the arguments that are paths.
    """

    fingerprint: str = ""
    description: str = ""
    no_expert: str | None = None
    kwargs: Mapping[str, str] | None = None
    files: tuple[str, ...] = ()


def facts_of(env_id: str) -> Facts:
    """Import an environment's class and describe it.

    Raises:
        UnknownName: if the id is not registered.
        UsageError: if the class cannot be imported.
    """
    cls = _class_of(env_id)
    if cls is None:
        return Facts(kwargs={})
    parameters = _parameters(cls)
    return Facts(
        fingerprint=code_fingerprint(cls),
        description=(inspect.getdoc(cls) or "").partition("\n")[0],
        no_expert=getattr(cls, "no_expert", None),
        kwargs={one.name: "" if one.annotation is one.empty else str(one.annotation) for one in parameters},
        files=tuple(one.name for one in parameters if "Path" in str(one.annotation)),
    )


def plain_facts(facts: Facts) -> dict[str, Any]:
    """Make facts a JSON value."""
    return asdict(facts)


def facts_from(value: Any) -> Facts:
    """Make facts of a JSON value that came from where nothing is to be trusted.

    Raises:
        ValueError: if it has not their form.
    """
    match value:
        case {
            "fingerprint": str(fingerprint),
            "description": str(description),
            "no_expert": str() | None as no_expert,
            "kwargs": dict(kwargs),
            "files": list(files),
        } if all(isinstance(one, str) for one in [*kwargs.values(), *files]):
            return Facts(fingerprint, description, no_expert, kwargs, tuple(files))
    raise ValueError(f"{str(value)[:200]!r} does not describe an environment")


def _class_of(env_id: str) -> type[TextEnv] | None:
    entry: Any = env_id
    if is_registered(env_id):
        entry = registry[env_id].entry_point
    elif ":" not in env_id:
        raise UnknownName("environment", env_id, registered())
    if isinstance(entry, str):
        entry = load_class(entry)
    return entry if isinstance(entry, type) else None


def _parameters(cls: type[TextEnv]) -> list[inspect.Parameter]:
    return [
        parameter
        for parameter in list(inspect.signature(cls.__init__).parameters.values())[1:]
        if parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
    ]
