"""Function calling: carry out requests in an office through typed functions.

environment   the episode: calls, replies, grades
messages      how a call or an answer is read
tasks         instructions, the calls that solve them, splits
furnish       an office drawn from a generator
state         the office as plain tables
api           what each function reads, changes and refuses
functions     how a function is declared, checked and described
"""

from __future__ import annotations

from ..registry import register

__all__ = ["register_environments"]


def register_environments() -> None:
    """Register the ids of the family; called once, by turnwise.envs."""
    register(
        "calling/office-v1",
        "turnwise.envs.calling.environment:OfficeEnv",
        description="Function calling, generated: 18 kinds of requests to an office with 19 functions.",
    )
