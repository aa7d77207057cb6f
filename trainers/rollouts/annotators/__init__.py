"""Annotators, by name: what is found out about turns after they were played.

gold.py  how likely the policy finds the right answer before each of its turns (IGPO)
base.py  how one is written
"""

from . import gold
from .base import Annotated, Annotator, bind, get, names, register

__all__ = ["Annotated", "Annotator", "bind", "get", "gold", "names", "register"]
