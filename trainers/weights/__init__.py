"""How the credit of a turn reaches its tokens, by name; importing this package registers those that ship.

base.py       how a weighter is written and found by name
broadcast.py  by turn, by span, by token
entropy.py    to the tokens at which the policy hesitated
duration.py   by the seconds that the environment took
gtpo.py       twice or not at all, where won and lost messages begin or end alike (GTPO)
d3s.py        to those at which it hesitated most where most is at stake (D3S)
"""

from .base import Lesson, Weighter, bind, get, names, register
from .broadcast import spans, tokens, turn
from .d3s import d3s
from .duration import duration
from .entropy import high_entropy
from .gtpo import gtpo

__all__ = [
    "Lesson",
    "Weighter",
    "bind",
    "d3s",
    "duration",
    "get",
    "gtpo",
    "high_entropy",
    "names",
    "register",
    "spans",
    "tokens",
    "turn",
]
