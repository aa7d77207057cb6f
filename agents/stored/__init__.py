"""Trajectories on disk beside an index of them, by which one of many is found and read alone.

members    the gzip members of a file, one after the other or by their place
row        what the index holds of a trajectory
database   the index: one SQLite file, made again from the trajectories whenever it is lost
query      rows chosen, sorted and paged
taking     a file taken into the index; what of it is broken is told, the rest is there
opened     a folder of trajectories, opened: what is not in the index yet is taken in
updates    the trajectories of one update of a training run, written with their rows
keep       the trajectories of an evaluation, kept as its episodes end
"""

from .keep import KeptTrajectories
from .opened import Problem, StoredTrajectories
from .query import ORDERS, Filter, Page
from .row import Row
from .updates import store_update

__all__ = [
    "DEFAULT_MB",
    "ORDERS",
    "Filter",
    "KeptTrajectories",
    "Page",
    "Problem",
    "Row",
    "StoredTrajectories",
    "store_update",
]
