"""Token weighters by name; importing this package registers those that ship."""

from . import broadcast, entropy
from .base import Weighter, get, names, register

__all__ = ["Weighter", "broadcast", "entropy", "get", "names", "register"]
