"""turnwise for verifiers, whose plugins are found by the name of a module at the top level.

vf-eval turnwise-verifiers --env.taskset.env household/demo-v0
"""

from turnwise.integrations.verifiers import TurnwiseEnv, TurnwiseHarness, TurnwiseTaskset

__all__ = ["TurnwiseEnv", "TurnwiseHarness", "TurnwiseTaskset"]
