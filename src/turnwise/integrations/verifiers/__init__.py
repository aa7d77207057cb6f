"""Our environments as tasksets of verifiers (0.4); `pip install verifiers`.

taskset.py: tasks, and the environment that plays them with an agent. harness.py: a chat in verifiers'
own process. verifiers finds them by the module `turnwise_verifiers`; its environments as ours are in
envs/adapters/verifiers.py.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from ...errors import UsageError

if TYPE_CHECKING:
    from .harness import TurnwiseHarness
    from .taskset import TurnwiseConfig, TurnwiseEnv, TurnwiseTaskset

__all__ = ["TurnwiseConfig", "TurnwiseEnv", "TurnwiseHarness", "TurnwiseTaskset"]

_HOME = {
    "TurnwiseConfig": "taskset",
    "TurnwiseEnv": "taskset",
    "TurnwiseHarness": "harness",
    "TurnwiseTaskset": "taskset",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return getattr(importlib.import_module(f".{_HOME[name]}", __name__), name)
    except ModuleNotFoundError as error:
        if error.name != "verifiers":
            raise
        raise UsageError(f"{name} needs verifiers, which is not installed: pip install verifiers") from error
