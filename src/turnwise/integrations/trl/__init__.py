"""turnwise inside TRL's GRPOTrainer (TRL 1.16); `pip install trl`.

environment.py: `environment_factory` and `tasks`, our environments as TRL's. methods.py: tools as the
methods that TRL takes. rollouts.py: `rollout_func` and `episode_return`, our rollout as TRL's.
messages.py: turns out of TRL's messages and masks. trainer.py: `CreditTrainer`, our credit in its loss.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..lazy import named

if TYPE_CHECKING:
    from .environment import Environment, environment_factory, tasks
    from .rollouts import episode_return, rollout_func
    from .trainer import CreditTrainer

__all__ = ["CreditTrainer", "Environment", "environment_factory", "episode_return", "rollout_func", "tasks"]

_HOME = {
    "CreditTrainer": "trainer",
    "Environment": "environment",
    "environment_factory": "environment",
    "episode_return": "rollouts",
    "rollout_func": "rollouts",
    "tasks": "environment",
}

__getattr__ = named(__name__, _HOME, {"trl", "accelerate"}, "trl")
