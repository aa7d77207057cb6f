"""Transforms of rewards before credit is assigned. Needs numpy only.

base.py     how a transform is written and found by name
gated.py    tiers of rewards, behind gates or plainly added up
outcome.py  penalties that count only where the outcome makes a difference
otc.py      correct answers earn more, the fewer tool calls they took
costs.py    terms for the form and the length of a message
"""

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
