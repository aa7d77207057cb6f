"""Environments that other packages know by name: `textarena:NAME`, `reasoning-gym:NAME`, `verifiers:NAME`.

The name is an attribute of a class that is made for it, so that a named environment is a class like any
other: it has arguments, a fingerprint and a place in every command.
"""

from __future__ import annotations

import hashlib
import importlib
from functools import cache
from importlib.metadata import version
from types import ModuleType

from ...errors import UsageError
from ...files import load_object
from ..core import TextEnv
from ..fingerprint import code_fingerprint

_FAMILIES = {
    "textarena": "turnwise.envs.adapters.textarena:TextArena",
    "reasoning-gym": "turnwise.envs.adapters.reasoning_gym:ReasoningGym",
    "verifiers": "turnwise.envs.adapters.verifiers.environment:Verifiers",
}


class NamedEnv(TextEnv):
    """An environment of another package, under its name there.

    Attributes:
        named: what the package calls it.
        package: what it is installed as.
        module: what it is imported as.
    """

    named: str
    package: str
    module: str

    @property
    def fingerprint(self) -> str:
        """Return a hash of this adapter's code, the version of the package, and the name."""
        parts = (code_fingerprint(type(self)), self.package, version(self.package), self.named)
        return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]

    @classmethod
    def imported(cls) -> ModuleType:
        """Import the package.

        Raises:
            UsageError: if it is not installed, or cannot be imported.
        """
        try:
            return importlib.import_module(cls.module)
        except ImportError as error:
            raise UsageError(
                f"{cls.named} is an environment of {cls.package}, which cannot be imported ({error}): "
                f"pip install {cls.package}"
            ) from error


def named_class(env_id: str) -> type[NamedEnv] | None:
    """Return the class of an id that begins with a package's name and a colon; None of any other id.

    Raises:
        UsageError: if no name follows.
    """
    family, colon, name = env_id.partition(":")
    if not colon or family not in _FAMILIES:
        return None
    if not name:
        raise UsageError(f"environment {env_id!r}: expected {family}:NAME")
    return _class_of(family, name)


@cache
def _class_of(family: str, name: str) -> type[NamedEnv]:
    base = load_object(_FAMILIES[family], given=f"environment '{family}:{name}'")
    about = f"{base.package}'s {name}."
    return type(base.__name__, (base,), {"named": name, "__module__": base.__module__, "__doc__": about})
