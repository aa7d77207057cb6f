"""Samplers by name; importing this package registers those that ship."""

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
