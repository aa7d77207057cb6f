"""Credit looked at closely: several methods on the same stored trajectories, turn by turn.

examination.py  each method's credit, its figures, how far methods agree
picture.py      two trajectories turn by turn, the whole group, the agreement
views.py        the terminal, and a page that needs no other file
"""

from .examination import DEFAULT_METHODS, Examination, examine, load_trajectories, why
from .picture import picture
from .views import show, write_page

__all__ = [
    "DEFAULT_METHODS",
    "Examination",
    "examine",
    "load_trajectories",
    "picture",
    "show",
    "why",
    "write_page",
]
