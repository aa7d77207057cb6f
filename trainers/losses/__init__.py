"""Policy losses by name; importing this package registers those of the literature."""

from . import cispo, dapo, dr_grpo, gspo, llds, ppo, reinforce, sapo
from .base import Loss, Terms, get, names, register
from .kl import kl_estimate
from .objective import Objective, Outcome, TokenBatch
from .offpolicy import offpolicy_weight
from .segments import aggregation_weights, segment_mean, segment_sum
from .terms import get_term, register_term, term_names

__all__ = [
    "Loss",
    "Objective",
    "Outcome",
    "Terms",
    "TokenBatch",
    "aggregation_weights",
    "cispo",
    "dapo",
    "dr_grpo",
    "get",
    "get_term",
    "gspo",
    "kl_estimate",
    "llds",
    "names",
    "offpolicy_weight",
    "ppo",
    "register",
    "register_term",
    "reinforce",
    "sapo",
    "segment_mean",
    "segment_sum",
    "term_names",
]
