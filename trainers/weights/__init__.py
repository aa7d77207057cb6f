"""Token weighters by name; importing this package registers those that ship."""

from . import broadcast, entropy
from .base import Weighter, bind, get, names, register

__all__ = ["Weighter", "bind", "broadcast", "entropy", "get", "names", "register"]
