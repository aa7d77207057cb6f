"""Samplers by name: dynamic.py, replay.py, variance.py; base.py is how one is written."""

from . import dynamic, replay, variance
from .base import Candidates, Group, SamplerState, bind, get, names, register

__all__ = [
    "Candidates",
    "Group",
    "SamplerState",
    "bind",
    "dynamic",
    "get",
    "names",
    "register",
    "replay",
    "variance",
]
