"""A cache with weights and times to live that drops what was used least recently."""

from .cache import Cache
from .memo import call_key, memoize
from .stats import Stats

__all__ = ["Cache", "Stats", "call_key", "memoize"]
