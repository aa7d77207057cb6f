"""Samplers, by name: which of the groups that were played are trained on.

dynamic.py   groups without a difference give way to others (DAPO)
replay.py    a group that failed as a whole is shown a success (ARPO of GUI agents)
variance.py  the groups whose outcome was least certain (StarPO-S)
d3s.py       the rollouts of a group, and of all, that vary most (D3S)
memory.py    what they remember, as files of a checkpoint
base.py      how one is written
"""

from . import d3s, dynamic, replay, variance
from .base import Candidates, Group, SamplerState, bind, get, names, register

__all__ = [
    "Candidates",
    "Group",
    "SamplerState",
    "bind",
    "d3s",
    "dynamic",
    "get",
    "names",
    "register",
    "replay",
    "variance",
]
