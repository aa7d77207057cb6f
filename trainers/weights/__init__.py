"""How the credit of a turn reaches its tokens, by name; importing this package registers those that ship.

base.py       how a weighter is written and found by name
broadcast.py  by turn, by span, by token
entropy.py    to the tokens at which the policy hesitated
"""

from . import broadcast, entropy
from .base import Weighter, bind, get, names, register

__all__ = ["Weighter", "bind", "broadcast", "entropy", "get", "names", "register"]
