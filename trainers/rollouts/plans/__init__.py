"""Rollout plans, by name: how the episodes of a group come about.

independent.py  each from its own start
tree.py         branches at each of some turns
entropy.py      branches where the policy hesitates (ARPO of tool agents)
base.py         how one is written
"""

from . import entropy, independent, tree
from .base import bind, get, names, register

__all__ = ["bind", "entropy", "get", "independent", "names", "register", "tree"]
