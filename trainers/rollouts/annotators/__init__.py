"""Annotators by name; importing this package registers those that ship."""

from . import gold
from .base import Annotated, Annotator, bind, get, names, register

__all__ = ["Annotated", "Annotator", "bind", "get", "gold", "names", "register"]
