"""Annotators by name: gold.py; base.py is how one is written."""

from . import gold
from .base import Annotated, Annotator, bind, get, names, register

__all__ = ["Annotated", "Annotator", "bind", "get", "gold", "names", "register"]
