"""Transforms of rewards before credit is assigned: gates, tiers, tool costs. Needs numpy only."""

from .base import RewardTransform, bind, get, names, register
from .costs import format_term, length_term
from .gated import direct, gated
from .otc import otc
from .outcome import outcome_gate

__all__ = [
    "RewardTransform",
    "bind",
    "direct",
    "format_term",
    "gated",
    "get",
    "length_term",
    "names",
    "otc",
    "outcome_gate",
    "register",
]
