"""Samplers by name; importing this package registers those that ship."""

from . import dynamic, replay, variance
from .base import Draw, Group, Sampler, SamplerState, get, names, register

__all__ = [
    "Draw",
    "Group",
    "Sampler",
    "SamplerState",
    "dynamic",
    "get",
    "names",
    "register",
    "replay",
    "variance",
]
