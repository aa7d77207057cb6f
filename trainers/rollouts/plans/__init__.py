"""Rollout plans by name; importing this package registers those that ship."""

from . import entropy, independent, tree
from .base import Planner, get, names, register

__all__ = ["Planner", "entropy", "get", "independent", "names", "register", "tree"]
