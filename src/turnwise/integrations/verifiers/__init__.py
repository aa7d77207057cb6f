"""Our environments as tasksets of verifiers (0.4); `pip install verifiers`.

taskset.py: tasks, and the environment that plays them with an agent. harness.py: a chat in verifiers'
own process. verifiers finds them by the module `turnwise_verifiers`; its environments as ours are in
envs/adapters/verifiers.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..lazy import named

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

__getattr__ = named(__name__, _HOME, {"verifiers"}, "verifiers")
