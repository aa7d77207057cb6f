"""Credit looked at closely: several methods on the same stored trajectories, turn by turn.

stored.py       what a run has stored, and what its log says of the whole batch
examination.py  each method's credit, its figures, how far methods agree
picture.py      two trajectories turn by turn, the whole group, the agreement
views.py        the terminal, and a page that needs no other file
"""

from .examination import DEFAULT_METHODS, Examination, examine, why
from .picture import picture
from .stored import Stored, load_stored, update_with_signal
from .views import show, write_page

__all__ = [
    "DEFAULT_METHODS",
    "Examination",
    "Stored",
    "examine",
    "load_stored",
    "picture",
    "show",
    "update_with_signal",
    "why",
    "write_page",
]
