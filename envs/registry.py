"""Names for environments; Gymnasium's own registry holds them.

`turnwise.envs.register("family/name-v0", entry_point)` makes an environment
known to `turnwise.make`, to `gymnasium.make` and to every command. A class that
is not registered is named by where it lives: `package.module:Class` or
`path/to/file.py:Class`.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from typing import Any

import gymnasium
from gymnasium.envs.registration import EnvSpec, registry

from ..errors import UnknownName, UsageError
from ..files import load_object
from .core import Checked, TeacherFactory, TextEnv, raise_as_fault

_ID = re.compile(r"[a-z0-9_]+/[a-z0-9_]+-v\d+")
_OURS: dict[str, str] = {}


def register(
    id: str,
    entry_point: str | Callable[..., TextEnv],
    *,
    kwargs: dict[str, Any] | None = None,
    description: str = "",
) -> None:
    """Make an environment known under an id.

    Args:
        id: lower case, `family/name-vN`; the version rises when results could change.
        entry_point: the class, or `package.module:Class`, imported at the first use.
        kwargs: arguments that every instance under this id gets.
        description: one line for people.

    Raises:
        UsageError: if the id has another form or is taken.
    """
    if not _ID.fullmatch(id):
        raise UsageError(f"environment id {id!r}: expected lower case family/name-vN, e.g. household/mix-v0")
    if id in registry:
        raise UsageError(f"environment id {id!r} is registered already: raise its version or choose another")
    gymnasium.register(id=id, entry_point=entry_point, kwargs=kwargs or {}, disable_env_checker=True)
    _OURS[id] = description


def registered() -> dict[str, str]:
    """Return id -> description of every environment registered with turnwise, sorted."""
    return dict(sorted(_OURS.items()))


def is_registered(id: str) -> bool:
    """Tell whether an id was registered with turnwise."""
    return id in _OURS


def version_of(env_id: str) -> int:
    """Return N of `family/name-vN`; 0 for a class named by where it lives."""
    match = re.search(r"-v(\d+)$", env_id)
    return int(match.group(1)) if match and is_registered(env_id) else 0


def make(env_id: str | type[TextEnv], /, **kwargs: Any) -> Checked[TextEnv]:
    """Build an environment from an id, a class, `package.module:Class` or `file.py:Class`.

    Returns:
        the environment inside a Checked wrapper, which completes `info`.

    Raises:
        UnknownName: if the id is not registered, with the closest ones.
        UsageError: if the class cannot be imported, is not a TextEnv, or refuses kwargs.
    """
    if isinstance(env_id, type):
        return _build(env_id, f"{env_id.__module__}:{env_id.__qualname__}", None, kwargs)
    spec = registry[env_id] if env_id in _OURS else None
    arguments = {**spec.kwargs, **kwargs} if spec else kwargs
    return _build(_entry_point(env_id), env_id, spec, arguments)


def load_class(path: str) -> type[TextEnv]:
    """Import the environment class that `package.module:Class` or `file.py:Class` names.

    Raises:
        UsageError: if the module or the class is missing, or the class is not a TextEnv.
    """
    cls = load_object(path, given=f"environment {path!r}")
    if not (isinstance(cls, type) and issubclass(cls, TextEnv)):
        raise UsageError(f"{path!r} is {cls!r}; expected a subclass of turnwise.TextEnv")
    return cls


def teacher_of(env_id: str) -> TeacherFactory | None:
    """Return the maker of an environment's teachers without making the environment; None without one.

    Raises:
        UnknownName: if the id is not registered, with the closest ones.
        UsageError: if the class cannot be imported.
    """
    entry_point = _entry_point(env_id)
    is_class = isinstance(entry_point, type) and issubclass(entry_point, TextEnv)
    return entry_point.teacher() if is_class else None


def _entry_point(env_id: str) -> Any:
    """Return what makes an environment: a class, or what else was registered."""
    if env_id in _OURS:
        entry_point: Any = registry[env_id].entry_point
        if isinstance(entry_point, str):
            return load_object(entry_point, given=f"environment {env_id!r}")
        return entry_point
    if ":" in env_id:
        return load_class(env_id)
    raise UnknownName("environment", env_id, _OURS)


def _build(cls: Any, name: str, spec: EnvSpec | None, kwargs: dict[str, Any]) -> Checked[TextEnv]:
    try:
        env = cls(**kwargs)
    except TypeError as error:
        if "__init__" in str(error) or "argument" in str(error):
            raise UsageError(f"{name} with {kwargs}: {error}") from error
        raise
    except BaseException as error:
        raise_as_fault(f"{name}.__init__", error)
        raise
    if not isinstance(env, TextEnv):
        raise UsageError(f"{name} made {type(env).__name__}; expected a turnwise.TextEnv")
    if spec is not None:
        env.spec = copy.copy(spec)
        env.spec.kwargs = kwargs  # what is made again from its spec is the same
    return Checked(env, name)
