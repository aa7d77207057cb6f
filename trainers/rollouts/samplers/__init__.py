"""Samplers, by name: which of the groups that were played are trained on.

dynamic.py   groups without a difference give way to others (DAPO)
replay.py    a group that failed as a whole is shown a success (ARPO of GUI agents)
variance.py  the groups whose outcome was least certain (StarPO-S)
d3s.py       the rollouts of a group, and of all, that vary most (D3S)
scaf_grpo.py a group that failed gets a success that took a hint (Scaf-GRPO)
ghpo.py      a group that failed is played again with the beginning of a solution (GHPO)
dr_po.py     further groups begin in states of successes (DR-PO)
solutions.py what the environment's expert does, and how to tell it
memory.py    what they remember, as files of a checkpoint
base.py      how one is written
"""

from . import d3s, dr_po, dynamic, ghpo, replay, scaf_grpo, variance
from .base import Attempt, Candidates, Group, SamplerState, bind, get, names, register

__all__ = [
    "Attempt",
    "Candidates",
    "Group",
    "SamplerState",
    "bind",
    "d3s",
    "dr_po",
    "dynamic",
    "get",
    "ghpo",
    "names",
    "register",
    "replay",
    "scaf_grpo",
    "variance",
]
