"""Agents times environments: every agent plays every environment on the same tasks.

file     what a suite file says
play     the cells, played one after another; an interrupted suite goes on
figures  what came of each cell, and every pair of agents on each environment
"""

from .figures import Cell, SuiteFigures, SuitePair, figures
from .file import Suite, load
from .play import play

__all__ = ["Cell", "Suite", "SuiteFigures", "SuitePair", "figures", "load", "play"]
