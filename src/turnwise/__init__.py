"""Train and evaluate language-model agents that act over many turns."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .envs.adapters.text import TextAdapter
    from .envs.core import TextEnv, Utf8
    from .envs.registry import make, register, registered
    from .errors import TurnwiseError
    from .servers.client import AsyncRemoteEnv, AsyncRemoteVectorEnv, RemoteEnv, RemoteVectorEnv

__version__ = "0.1.0"

__all__ = [
    "AsyncRemoteEnv",
    "AsyncRemoteVectorEnv",
    "RemoteEnv",
    "RemoteVectorEnv",
    "TextAdapter",
    "TextEnv",
    "TurnwiseError",
    "Utf8",
    "__version__",
    "make",
    "register",
    "registered",
]

_HOME = {
    "AsyncRemoteEnv": "servers.client",
    "AsyncRemoteVectorEnv": "servers.client",
    "RemoteEnv": "servers.client",
    "RemoteVectorEnv": "servers.client",
    "TextAdapter": "envs.adapters.text",
    "TextEnv": "envs.core",
    "TurnwiseError": "errors",
    "Utf8": "envs.core",
    "make": "envs",
    "register": "envs",
    "registered": "envs",
}


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(f".{_HOME[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
