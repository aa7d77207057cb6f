"""Rollout plans by name: independent.py, tree.py, entropy.py; base.py is how one is written."""

from . import entropy, independent, tree
from .base import bind, get, names, register

__all__ = ["bind", "entropy", "get", "independent", "names", "register", "tree"]
