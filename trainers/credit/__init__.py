"""Credit assignment: what each turn of a trajectory contributed. Needs numpy only.

table = TurnTable.from_columns(group=..., trajectory=..., reward=..., state_key=...)
credit = get("gigpo")(table, mode="mean")
credit.advantage  # [N], one number a turn

base.py        what an estimator returns, and how it is found by name
table/         the turn table: the columns of a batch
statistics/    what turns are compared by: means, deviations, penalties
states/        states that turns share: anchor groups, similarity, graphs
methods/       the estimators of the literature, one file each
transforms.py  what may happen to advantages before they reach tokens
summary.py     figures of a batch's credit for the log
"""

from . import transforms
from .base import Credit, Estimator, Head, bind, get, names, register
from .methods.archer import archer
from .methods.bilevel_gae import bilevel_gae
from .methods.broadcast import broadcast
from .methods.dr_grpo import dr_grpo
from .methods.g2po import g2po
from .methods.gigpo import gigpo
from .methods.graft import graft
from .methods.graphgpo import graphgpo
from .methods.grpo import grpo
from .methods.hae import hae
from .methods.hgpo import hgpo
from .methods.igpo import igpo
from .methods.mars import mars
from .methods.poad import poad
from .methods.reinforce_pp import reinforce_pp, reinforce_pp_baseline
from .methods.rloo import rloo
from .methods.salt import salt
from .methods.td0 import td0
from .methods.turn_ppo import turn_ppo
from .summary import describe
from .table.table import TurnTable

__all__ = [
    "Credit",
    "Estimator",
    "Head",
    "TurnTable",
    "archer",
    "bilevel_gae",
    "bind",
    "broadcast",
    "describe",
    "dr_grpo",
    "g2po",
    "get",
    "gigpo",
    "graft",
    "graphgpo",
    "grpo",
    "hae",
    "hgpo",
    "igpo",
    "mars",
    "names",
    "poad",
    "register",
    "reinforce_pp",
    "reinforce_pp_baseline",
    "rloo",
    "salt",
    "td0",
    "transforms",
    "turn_ppo",
]
