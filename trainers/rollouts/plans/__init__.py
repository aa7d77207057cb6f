"""Rollout plans by name; importing this package registers those that ship."""

from . import entropy, independent, tree
from .base import bind, get, names, register

__all__ = ["bind", "entropy", "get", "independent", "names", "register", "tree"]
