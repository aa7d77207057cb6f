"""Transforms of rewards before credit is assigned. Needs numpy only.

base.py     how a transform is written and found by name
gated.py    tiers of rewards, behind gates or plainly added up
outcome.py  penalties that count only where the outcome makes a difference
otc.py      correct answers earn more, the fewer tool calls they took
unlikely.py what the policy was sure to say earns less
noisy.py    verdicts of a verifier that errs, corrected
renorm.py   rewards of steps, as far as the outcome bears them out
costs.py    terms for the form and the length of a message
"""

from .base import RewardTransform, bind, get, names, register
from .costs import format_term, length_term
from .gated import direct, gated
from .noisy import noisy
from .otc import otc
from .outcome import outcome_gate
from .renorm import renorm
from .unlikely import unlikely

__all__ = [
    "RewardTransform",
    "bind",
    "direct",
    "format_term",
    "gated",
    "get",
    "length_term",
    "names",
    "noisy",
    "otc",
    "outcome_gate",
    "register",
    "renorm",
    "unlikely",
]
