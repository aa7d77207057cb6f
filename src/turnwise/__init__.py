"""Train and evaluate language-model agents that act over many turns."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .api.comparing import compare
    from .api.evaluating import evaluate, evaluate_async
    from .api.playing import rollout, rollout_async
    from .api.practising import practise, practise_async
    from .api.sweeping import sweep
    from .api.training import Run, load_recipe, load_run, train, train_async
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
    "Run",
    "TextAdapter",
    "TextEnv",
    "TurnwiseError",
    "Utf8",
    "__version__",
    "compare",
    "evaluate",
    "evaluate_async",
    "load_recipe",
    "load_run",
    "make",
    "practise",
    "practise_async",
    "register",
    "registered",
    "rollout",
    "rollout_async",
    "sweep",
    "train",
    "train_async",
]

_HOME = {
    "AsyncRemoteEnv": "servers.client",
    "AsyncRemoteVectorEnv": "servers.client",
    "RemoteEnv": "servers.client",
    "RemoteVectorEnv": "servers.client",
    "Run": "api.training",
    "TextAdapter": "envs.adapters.text",
    "TextEnv": "envs.core",
    "TurnwiseError": "errors",
    "Utf8": "envs.core",
    "compare": "api.comparing",
    "evaluate": "api.evaluating",
    "evaluate_async": "api.evaluating",
    "load_recipe": "api.training",
    "load_run": "api.training",
    "make": "envs",
    "practise": "api.practising",
    "practise_async": "api.practising",
    "register": "envs",
    "registered": "envs",
    "rollout": "api.playing",
    "rollout_async": "api.playing",
    "sweep": "api.sweeping",
    "train": "api.training",
    "train_async": "api.training",
}


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(f".{_HOME[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
