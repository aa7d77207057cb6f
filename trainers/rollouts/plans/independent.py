"""Every episode from its own start: what most methods do."""

from __future__ import annotations

from ...parts import Source
from .base import register


@register(
    "independent",
    source=Source(
        exact="ours",
    ),
)
def independent(group_size: int) -> None:
    """Play every episode of a group apart from the others."""
