"""Policy losses by name; importing this package registers those of the literature.

base.py       what a loss is given and returns, and how it is found by name
ppo.py dapo.py dr_grpo.py gspo.py cispo.py sapo.py reinforce.py
the losses, each with the aggregation and ratio level of its paper
terms.py      terms that are added to a loss; llds.py is one
objective.py  Objective: loss, KL, entropy, off-policy weight and terms of a micro-batch
segments.py   from tokens to turns and trajectories, and what a token weighs in the mean
kl.py offpolicy.py
estimates of the KL; the weight old/behaviour
"""

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
