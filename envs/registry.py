"""Names for environments; Gymnasium's own registry holds them.

`turnwise.envs.register("family/name-v0", entry_point)` makes an environment
known to `turnwise.make`, to `gymnasium.make` and to every command. A class that
is not registered is named by where it lives: `package.module:Class` or
`path/to/file.py:Class`. Ids of Gymnasium's own registry are names too, also as
`package.module:Id-vN`, which imports the module that registers it; an environment that is no
TextEnv comes inside a TextAdapter. `textarena:NAME` and `reasoning-gym:NAME` are those of these packages.
"""

from __future__ import annotations

import copy
import inspect
import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import gymnasium
from gymnasium.envs.registration import EnvSpec, registry

from ..arguments import Option
from ..errors import UnknownName, UsageError
from ..files import load_object
from .adapters.named import named_class
from .adapters.text import TextAdapter
from .construction import arguments_of, construct
from .core import Checked, TeacherFactory, TextEnv

EnvClass = type[gymnasium.Env[Any, Any]]

_ID = re.compile(r"[a-z0-9_]+/[a-z0-9_]+-v\d+")
_VERSION = re.compile(r"-v(\d+)$")
_OURS: dict[str, str] = {}
_FOR_CLIENTS: dict[str, Mapping[str, tuple[float, float] | None]] = {}
_ADAPTING = ("names", "text")
"""Arguments of the adapter, where the environment has none of that name."""


def register(
    id: str,
    entry_point: str | Callable[..., TextEnv],
    *,
    kwargs: dict[str, Any] | None = None,
    description: str = "",
    for_clients: Mapping[str, tuple[float, float] | None] | None = None,
) -> None:
    """Make an environment known under an id.

    Args:
        id: lower case, `family/name-vN`; the version rises when results could change.
        entry_point: the class, or `package.module:Class`, imported at the first use.
        kwargs: arguments that every instance under this id gets.
        description: one line for people.
        for_clients: argument -> the least and the largest number that a client of a server may ask
            for, or None where only its operator may give it.

    Raises:
        UsageError: if the id has another form or is taken.
    """
    if not _ID.fullmatch(id):
        raise UsageError(f"environment id {id!r}: expected lower case family/name-vN, e.g. household/mix-v0")
    if id in registry:
        raise UsageError(f"environment id {id!r} is registered already: raise its version or choose another")
    gymnasium.register(id=id, entry_point=entry_point, kwargs=kwargs or {}, disable_env_checker=True)
    _OURS[id] = description
    _FOR_CLIENTS[id] = dict(for_clients or {})


def registered() -> dict[str, str]:
    """Return id -> description of every environment registered with turnwise, sorted."""
    return dict(sorted(_OURS.items()))


def for_clients(id: str) -> Mapping[str, tuple[float, float] | None]:
    """Return what `register` was given of that name; nothing for what is not registered."""
    return _FOR_CLIENTS.get(id, {})


def version_of(env_id: str) -> int:
    """Return N of `name-vN`; 0 for a class named by where it lives."""
    match = _VERSION.search(env_id)
    return int(match.group(1)) if match and (env_id in registry or _by_import(env_id)) else 0


def make(env_id: str | EnvClass, /, **kwargs: Any) -> Checked[TextEnv]:
    """Build an environment from an id, a class, `package.module:Class` or `file.py:Class`.

    Whoever makes one closes it: `with make(...) as env`.

    Args:
        env_id: which environment.
        kwargs: its arguments; for a plain Gymnasium environment also `names` and `text`, see
            TextAdapter.

    Returns:
        the environment inside a Checked wrapper, which completes `info`.

    Raises:
        UnknownName: if the id is not registered or an argument is none of its, with the closest ones.
        UsageError: if the class cannot be imported, is not an environment, has no texts, or
            lacks an argument.
        EnvironmentFault: if its constructor fails, with the cause.
    """
    if isinstance(env_id, type):
        return _build(env_id, f"{env_id.__module__}:{env_id.__qualname__}", None, kwargs)
    spec = registry[env_id] if env_id in _OURS else None
    arguments = {**spec.kwargs, **kwargs} if spec else kwargs
    return _build(_entry_point(env_id), env_id, spec, arguments)


def class_of(env_id: str) -> EnvClass | None:
    """Return the class of an environment without making one; None where a function builds it.

    Raises:
        UnknownName: if the id is not registered, with the closest ones.
        UsageError: if the class cannot be imported.
    """
    entry_point = _entry_point(env_id)
    if isinstance(entry_point, partial) and env_id in registry:  # Gymnasium's own id
        entry_point = registry[env_id].entry_point
        if isinstance(entry_point, str):
            entry_point = load_object(entry_point, given=f"environment {env_id!r}")
    return entry_point if isinstance(entry_point, type) else None


def arguments(env_id: str) -> list[Option]:
    """Return the arguments of an environment without making it, with the values that its id gives them.

    Raises:
        UnknownName: if the id is not registered, with the closest ones.
        UsageError: if the class cannot be imported.
    """
    fixed = registry[env_id].kwargs if env_id in registry else {}
    cls = class_of(env_id)
    found = arguments_of(cls or _entry_point(env_id), fixed)
    if cls is not None and not issubclass(cls, TextEnv):
        named = {option.name for option in found}
        found += [each for each in arguments_of(TextAdapter, {}) if each.name in {*_ADAPTING} - named]
    return found


def load_class(path: str) -> EnvClass:
    """Import the environment class that `package.module:Class` or `file.py:Class` names.

    Raises:
        UsageError: if the module or the class is missing, or the class is not an environment.
    """
    cls = load_object(path, given=f"environment {path!r}")
    if not (isinstance(cls, type) and issubclass(cls, gymnasium.Env)):
        raise UsageError(f"{path!r} is {cls!r}; expected a subclass of turnwise.TextEnv or gymnasium.Env")
    return cls


def teacher_of(env_id: str) -> TeacherFactory | None:
    """Return the maker of an environment's teachers without making the environment; None without one.

    Raises:
        UnknownName: if the id is not registered, with the closest ones.
        UsageError: if the class cannot be imported.
    """
    cls = class_of(env_id)
    return cls.teacher() if cls is not None and issubclass(cls, TextEnv) else None


def _entry_point(env_id: str) -> Any:
    """Return what makes an environment: a class, or what else was registered."""
    if env_id in _OURS:
        entry_point: Any = registry[env_id].entry_point
        if isinstance(entry_point, str):
            return load_object(entry_point, given=f"environment {env_id!r}")
        return entry_point
    if (named := named_class(env_id)) is not None:
        return named
    if env_id in registry or _by_import(env_id):
        return partial(_make_plain, env_id)
    if ":" in env_id:
        return load_class(env_id)
    if env_id.endswith(".py"):
        raise UsageError(f"environment {env_id!r}: name the class in it: {env_id}:CLASS")
    raise UnknownName("environment", env_id, _OURS)


def _by_import(env_id: str) -> bool:
    """Tell whether an id is Gymnasium's `package.module:Id-vN`."""
    return ":" in env_id and _VERSION.search(env_id) is not None


def _make_plain(env_id: str, **kwargs: Any) -> gymnasium.Env[Any, Any]:
    try:
        return gymnasium.make(env_id, disable_env_checker=True, **kwargs)
    except (gymnasium.error.Error, ImportError) as error:
        raise UsageError(f"environment {env_id!r}: {error}") from error


def _build(cls: Any, name: str, spec: EnvSpec | None, kwargs: dict[str, Any]) -> Checked[TextEnv]:
    adapting = _adapting(cls, kwargs)
    env = construct(cls, name, {key: value for key, value in kwargs.items() if key not in adapting})
    if isinstance(env, gymnasium.Env) and not isinstance(env, TextEnv):
        env = _adapted(env, {key: kwargs[key] for key in adapting})
    if not isinstance(env, TextEnv):
        raise UsageError(f"{name} made {type(env).__name__}; expected a turnwise.TextEnv or gymnasium.Env")
    if spec is not None:
        env.spec = copy.copy(spec)
        env.spec.kwargs = kwargs  # what is made again from its spec is the same
    return Checked(env, name)


def _adapting(cls: Any, kwargs: dict[str, Any]) -> list[str]:
    """Return the arguments that are the adapter's."""
    if isinstance(cls, type) and issubclass(cls, TextEnv):
        return []
    parameters = inspect.signature(cls).parameters
    return [key for key in _ADAPTING if key in kwargs and key not in parameters]


def _adapted(env: gymnasium.Env[Any, Any], arguments: dict[str, Any]) -> TextAdapter:
    try:
        return TextAdapter(env, **arguments)
    except BaseException:
        env.close()
        raise
