"""Our environments as tasks of inspect_ai (0.3); `pip install inspect-ai`.

tasks.py: `task`, a task of inspect's with a sample for each seed. playing.py: `play`, the solver that lets
inspect's model play. scoring.py: `success` and `episode_return`, the scorers.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from ...errors import UsageError

if TYPE_CHECKING:
    from .playing import play
    from .scoring import episode_return, success
    from .tasks import samples, task

__all__ = ["episode_return", "play", "samples", "success", "task"]

_HOME = {
    "episode_return": "scoring",
    "play": "playing",
    "samples": "tasks",
    "success": "scoring",
    "task": "tasks",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return getattr(importlib.import_module(f".{_HOME[name]}", __name__), name)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "inspect_ai":
            raise
        raise UsageError(
            f"{name} needs inspect_ai, which is not installed: pip install inspect-ai"
        ) from error
