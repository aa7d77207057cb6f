"""Credit assignment: what each turn of a trajectory contributed. Needs numpy only.

table = TurnTable.from_columns(group=..., trajectory=..., reward=..., state_key=...)
credit = get("gigpo")(table, mode="mean")
credit.advantage  # [N], one number a turn
"""

from . import transforms
from .base import Credit, Estimator, get, names, register
from .batch import describe
from .dr_grpo import dr_grpo
from .gigpo import gigpo
from .grpo import grpo
from .reinforce_pp import reinforce_pp, reinforce_pp_baseline
from .rloo import rloo
from .table import TurnTable

__all__ = [
    "Credit",
    "Estimator",
    "TurnTable",
    "describe",
    "dr_grpo",
    "get",
    "gigpo",
    "grpo",
    "names",
    "register",
    "reinforce_pp",
    "reinforce_pp_baseline",
    "rloo",
    "transforms",
]
