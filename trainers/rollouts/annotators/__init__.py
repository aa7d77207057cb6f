"""Annotators by name; importing this package registers those that ship."""

from . import gold
from .base import Annotated, Annotator, get, names, register

__all__ = ["Annotated", "Annotator", "get", "gold", "names", "register"]
