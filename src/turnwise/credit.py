"""Credit assignment on its own: `turnwise.trainers.credit` under its short name.

Needs numpy only.
"""

from .trainers.credit import *  # noqa: F403
from .trainers.credit import __all__ as __all__
