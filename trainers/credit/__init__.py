"""Credit assignment: what each turn of a trajectory contributed. Needs numpy only.

table = TurnTable.from_columns(group=..., trajectory=..., reward=..., state_key=...)
credit = get("gigpo")(table, mode="mean")
credit.advantage  # [N], one number a turn

base.py        what an estimator returns, and how it is found by name
table/         the turn table: the columns of a batch
statistics/    what turns are compared by: means, deviations, penalties
states/        states that turns share: anchor groups, similarity, graphs
methods/       the estimators of the literature, one file each: of groups, graphs, trees, critics
transforms.py  what may happen to advantages before they reach tokens
summary.py     figures of a batch's credit for the log
"""

from . import transforms
from .base import Credit, Estimator, Head, bind, get, names, register
from .methods.critics.alol import alol
from .methods.critics.archer import archer
from .methods.critics.bilevel_gae import bilevel_gae
from .methods.critics.hae import hae
from .methods.critics.oreo import oreo
from .methods.critics.poad import poad
from .methods.critics.td0 import td0
from .methods.critics.turn_ppo import turn_ppo
from .methods.critics.vetta import vetta
from .methods.graphs.crbc import crbc
from .methods.graphs.g2po import g2po
from .methods.graphs.gagpo import gagpo
from .methods.graphs.graft import graft
from .methods.graphs.graphgpo import graphgpo
from .methods.graphs.graphhca import graphhca
from .methods.graphs.rtmc import rtmc
from .methods.graphs.salt import salt
from .methods.groups.aspo import aspo
from .methods.groups.bnpo import bnpo
from .methods.groups.broadcast import broadcast
from .methods.groups.canon import canon
from .methods.groups.cloning import cloning
from .methods.groups.dcpo import dcpo
from .methods.groups.dr_grpo import dr_grpo
from .methods.groups.dvao import dvao
from .methods.groups.gdpo import gdpo
from .methods.groups.gigpo import gigpo
from .methods.groups.grpo import grpo
from .methods.groups.hgpo import hgpo
from .methods.groups.igpo import igpo
from .methods.groups.m_grpo import m_grpo
from .methods.groups.mars import mars
from .methods.groups.opmd import asymre, opmd
from .methods.groups.reinforce_pp import reinforce_pp, reinforce_pp_baseline
from .methods.groups.risk_po import risk_po
from .methods.groups.risk_po_tracked import risk_po_tracked
from .methods.groups.rloo import rloo
from .methods.groups.single_stream import single_stream
from .methods.groups.step_grpo import step_grpo
from .methods.trees.spo_tree import spo_tree
from .summary import describe
from .table.table import TurnTable

__all__ = [
    "Credit",
    "Estimator",
    "Head",
    "TurnTable",
    "alol",
    "archer",
    "aspo",
    "asymre",
    "bilevel_gae",
    "bind",
    "bnpo",
    "broadcast",
    "canon",
    "cloning",
    "crbc",
    "dcpo",
    "describe",
    "dr_grpo",
    "dvao",
    "g2po",
    "gagpo",
    "gdpo",
    "get",
    "gigpo",
    "graft",
    "graphgpo",
    "graphhca",
    "grpo",
    "hae",
    "hgpo",
    "igpo",
    "m_grpo",
    "mars",
    "names",
    "opmd",
    "oreo",
    "poad",
    "register",
    "reinforce_pp",
    "reinforce_pp_baseline",
    "risk_po",
    "risk_po_tracked",
    "rloo",
    "rtmc",
    "salt",
    "single_stream",
    "spo_tree",
    "step_grpo",
    "td0",
    "transforms",
    "turn_ppo",
    "vetta",
]
