"""Task choosers, by name: which tasks an update plays, and with how many members each.

variance.py  tasks whose outcome is uncertain come more often (SPO)
outcomes.py  wins and losses of tasks, of which old ones may fade
base.py      what one is asked, what it answers, and how one is written
memory.py    what is remembered of each task: how often it was played, how often solved
picks.py     the groups of a round: chosen, or drawn uniformly where no chooser is named
"""

from . import variance
from .base import Asked, Chooser, Chosen, bind, get, names, register

__all__ = ["Asked", "Chooser", "Chosen", "bind", "get", "names", "register", "variance"]
