"""Our environments as tasks of inspect_ai (0.3); `pip install inspect-ai`.

tasks.py: `task`, a task of inspect's with a sample for each seed. playing.py: `play`, the solver that lets
inspect's model play. scoring.py: `success` and `episode_return`, the scorers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..lazy import named

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

__getattr__ = named(__name__, _HOME, {"inspect_ai"}, "inspect-ai")
