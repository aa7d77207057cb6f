"""Policy losses by name; importing this package registers those of the literature.

base.py       what a loss sees and returns, and how it is found by name
clipped.py    ppo, dapo, dr_grpo, gspo, each with the aggregation and ratio level of its paper
cispo.py sapo.py reinforce.py opmd.py
losses without a hard clip
dcpo.py       bounds by the old probability
hapo.py lp_reg.py
bounds and terms by what is unusual in a mini-batch
disco.py pacs.py
the won trajectories of a group against the lost ones
members.py    from tokens to trajectories and groups
terms.py      terms that are added to a loss; llds.py is one
objective.py  Objective: loss, KL, entropy, off-policy weight and terms of a micro-batch
segments.py   from tokens to turns and trajectories, and what a token weighs in the mean
kl.py offpolicy.py
estimates of the KL; the weight old/behaviour
"""

from .base import Loss, Terms, Whole, get, names, register
from .cispo import cispo
from .clipped import dapo, dr_grpo, gspo, ppo
from .dcpo import dcpo
from .disco import disco
from .hapo import hapo
from .kl import kl_estimate
from .llds import llds
from .lp_reg import lp_reg
from .objective import Objective, Outcome, TokenBatch
from .offpolicy import offpolicy_weight
from .opmd import opmd
from .pacs import pacs
from .reinforce import reinforce
from .sapo import sapo
from .segments import aggregation_weights, segment_mean, segment_sum
from .terms import get_term, register_term, term_names

__all__ = [
    "Loss",
    "Objective",
    "Outcome",
    "Terms",
    "TokenBatch",
    "Whole",
    "aggregation_weights",
    "cispo",
    "dapo",
    "dcpo",
    "disco",
    "dr_grpo",
    "get",
    "get_term",
    "gspo",
    "hapo",
    "kl_estimate",
    "llds",
    "lp_reg",
    "names",
    "offpolicy_weight",
    "opmd",
    "pacs",
    "ppo",
    "register",
    "register_term",
    "reinforce",
    "sapo",
    "segment_mean",
    "segment_sum",
    "term_names",
]
