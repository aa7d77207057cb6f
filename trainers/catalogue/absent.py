"""What of the literature that the project follows is not here, and why."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Absent:
    """A method that is not here.

    Args:
        name: of the method.
        ref: "arXiv 2509.13232", or the title where it has no number.
        why: what is missing.
    """

    name: str
    ref: str
    why: str


ABSENT = (
    Absent(
        "MARS, the games of its self-play",
        "self-play games",
        "games of two players; its credit is `mars`",
    ),
)
