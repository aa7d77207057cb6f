"""How the credit of a turn reaches its tokens, by name; importing this package registers those that ship.

base.py       how a weighter is written and found by name
broadcast.py  by turn, by span, by token
entropy.py    to the tokens at which the policy hesitated
"""

from .base import Weighter, bind, get, names, register
from .broadcast import spans, tokens, turn
from .entropy import high_entropy

__all__ = ["Weighter", "bind", "get", "high_entropy", "names", "register", "spans", "tokens", "turn"]
