"""Where episodes stand: who waits for whom, since when, and how long engine and environments were at work."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from typing import Literal, get_args

from ..batching import BusyClock

Standing = Literal["policy", "environment", "others", "program"]
"""Waits for a message, for a reply, for the other episodes of a lock-step, or for a program that plays it."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """An episode, and what it waits for."""

    episode: str
    phase: Standing
    since: float  # of the board's clock


class Board:
    """Where the episodes of some rollouts stand.

    Args:
        clock: in seconds.

    Attributes:
        moved: when an episode last went on, by the clock.
        messages: how many waits for a message are over.
        playing: the time in which a rollout was under way.
    """

    def __init__(self, clock: Callable[[], float] = perf_counter) -> None:
        self._clock = clock
        self._waiting: dict[str, Waiting] = {}
        self._busy: dict[Standing, BusyClock] = {phase: BusyClock(clock) for phase in get_args(Standing)}
        self.playing = BusyClock(clock)
        self.moved = clock()
        self.messages = 0

    def at(self, episode: str, phase: Standing) -> None:
        """Note what an episode waits for from here on."""
        self.gone(episode)
        self._waiting[episode] = Waiting(episode, phase, self.moved)
        self._busy[phase].__enter__()

    def gone(self, episode: str) -> None:
        """Note that an episode has gone on, or ended."""
        self.moved = self._clock()
        if known := self._waiting.pop(episode, None):
            self._busy[known.phase].__exit__()
            self.messages += known.phase == "policy"

    @property
    def under_way(self) -> int:
        """Return how many episodes wait for something."""
        return len(self._waiting)

    def waiting(self, phase: Standing) -> list[Waiting]:
        """Return the episodes that wait for something, those first that have waited for longest."""
        return sorted((each for each in self._waiting.values() if each.phase == phase), key=_since)

    def busy(self) -> tuple[float, float, float]:
        """Return for how many seconds so far a rollout was under way, an environment and the engine asked."""
        return self.playing.so_far, self._busy["environment"].so_far, self._busy["policy"].so_far


def _since(waiting: Waiting) -> float:
    return waiting.since
