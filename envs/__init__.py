"""Environments: what one is, the registry, and those that ship with turnwise."""

from .calling import register_environments as _register_calling
from .core import MAX_TEXT_CHARS, Checked, TextEnv, Utf8
from .household import register_environments as _register_household
from .registry import make, register, registered, teacher_of
from .search import register_environments as _register_search
from .shopping import register_environments as _register_shopping

__all__ = ["MAX_TEXT_CHARS", "Checked", "TextEnv", "Utf8", "make", "register", "registered", "teacher_of"]

_register_household()
_register_shopping()
_register_search()
_register_calling()
