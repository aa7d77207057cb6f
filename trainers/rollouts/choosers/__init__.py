"""Task choosers, by name: which tasks an update plays, and with how many members each.

variance.py    tasks whose outcome is uncertain come more often (SPO)
vade.py        the same by a draw from what is believed of each task (VADE)
sgpo.py        as many members as it takes to expect one success, easy tasks first (sGPO)
curriculum.py  short and often won tasks first, longer and harder ones later (CRAFT-GUI's kind)
outcomes.py    wins and losses of tasks, of which old ones may fade
base.py        what one is asked, what it answers, and how one is written
memory.py      what is remembered of each task: how often it was played, how often solved
picks.py       the groups of a round: chosen, or drawn uniformly where no chooser is named
"""

from . import curriculum, sgpo, vade, variance
from .base import Asked, Chooser, Chosen, bind, get, names, register

__all__ = [
    "Asked",
    "Chooser",
    "Chosen",
    "bind",
    "curriculum",
    "get",
    "names",
    "register",
    "sgpo",
    "vade",
    "variance",
]
