"""Policy losses by name; importing this package registers those of the literature."""

from . import cispo, dapo, dr_grpo, gspo, ppo, reinforce, sapo
from .base import Loss, Terms, get, names, register
from .kl import kl_estimate
from .objective import Objective, ObjectiveConfig, Outcome, TokenBatch
from .offpolicy import offpolicy_weight
from .segments import aggregation_weights, segment_mean, segment_sum

__all__ = [
    "Loss",
    "Objective",
    "ObjectiveConfig",
    "Outcome",
    "Terms",
    "TokenBatch",
    "aggregation_weights",
    "cispo",
    "dapo",
    "dr_grpo",
    "get",
    "gspo",
    "kl_estimate",
    "names",
    "offpolicy_weight",
    "ppo",
    "register",
    "reinforce",
    "sapo",
    "segment_mean",
    "segment_sum",
]
