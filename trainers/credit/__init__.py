"""Credit assignment: what each turn of a trajectory contributed. Needs numpy only.

table = TurnTable.from_columns(group=..., trajectory=..., reward=..., state_key=...)
credit = get("gigpo")(table, mode="mean")
credit.advantage  # [N], one number a turn
"""

from . import transforms
from .archer import archer
from .base import Credit, Estimator, get, names, register
from .batch import describe
from .bilevel_gae import bilevel_gae
from .broadcast import broadcast
from .dr_grpo import dr_grpo
from .g2po import g2po
from .gigpo import gigpo
from .graft import graft
from .graphgpo import graphgpo
from .grpo import grpo
from .hae import hae
from .hgpo import hgpo
from .igpo import igpo
from .mars import mars
from .poad import poad
from .reinforce_pp import reinforce_pp, reinforce_pp_baseline
from .rloo import rloo
from .salt import salt
from .table import TurnTable
from .turn_ppo import turn_ppo

__all__ = [
    "Credit",
    "Estimator",
    "TurnTable",
    "archer",
    "bilevel_gae",
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
    "transforms",
    "turn_ppo",
]
