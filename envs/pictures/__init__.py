"""Tasks that are read from a picture: the words of an observation do not say where things are.

environment   the episode: take what is asked for from a board
board         a board drawn from a generator, and its picture
"""

from __future__ import annotations

from ..registry import register

__all__ = ["register_environments"]


def register_environments() -> None:
    """Register the ids of the family; called once, by turnwise.envs."""
    register(
        "pictures/board-v0",
        "turnwise.envs.pictures.environment:BoardEnv",
        description="Pictures, generated: take the asked shapes from a board that only a picture shows.",
    )
