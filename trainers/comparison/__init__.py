"""Runs and evaluations beside each other: several seeds as one group, and every two groups compared.

members.py    a run or an evaluation as it is compared
groups.py     which of them are one group, and what it is called
spread.py     figures of a group over its members
lines.py      a group as a line of the table; why a figure is not known
gaps.py       two groups compared: on the same tasks, and over seeds
recipes.py    what differs between the recipes of groups
curves.py     curves with bands over seeds
found.py      all of it together, as data; compared.py made of folders
documents.py  as Markdown, LaTeX, CSV and JSON; picture.py drawn
"""

from .compared import Compared, compare
from .groups import Given

__all__ = ["Compared", "Given", "compare"]
