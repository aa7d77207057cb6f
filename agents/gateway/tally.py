"""What an episode of a harness has come to, also once it is closed."""

from __future__ import annotations

from dataclasses import dataclass

from ...ends import End


@dataclass(frozen=True, slots=True)
class Tally:
    """What an episode has come to.

    Args:
        calls: how many were answered.
        side_calls: those of them that are no turns; None while it goes on, since later calls decide.
        end: why it ended; None while it goes on.
        episode_return: the sum of its rewards; None while it goes on.
        success: what was said of it.
    """

    calls: int
    side_calls: int | None = None
    end: End | None = None
    episode_return: float | None = None
    success: bool | None = None
