"""What the generated shop sells: all families of goods, in the order that its products are numbered by."""

from __future__ import annotations

from .stock_home import HOME
from .stock_personal import PERSONAL

FAMILIES = (*PERSONAL, *HOME)
