"""Delays that run: which are due, in which order."""

from __future__ import annotations

from dataclasses import dataclass

from .definition import Transition


@dataclass(frozen=True)
class Timer:
    """A delay of a state that was entered."""

    due: float
    depth: int
    order: int
    state: str
    transition: Transition


class Timers:
    """The delays of the states that are active."""

    def __init__(self) -> None:
        self.now = 0.0
        self._running: list[Timer] = []

    def start(self, state: str, depth: int, delays: list[tuple[float, Transition]]) -> None:
        """Start the delays of a state that is entered now."""
        for order, (delay, transition) in enumerate(delays):
            self._running.append(Timer(self.now + delay, depth, order, state, transition))

    def stop(self, state: str) -> None:
        """Forget the delays of a state that is left."""
        self._running = [timer for timer in self._running if timer.state != state]

    def pop(self, until: float) -> Timer | None:
        """Remove and return the delay that is due first, at `until` at the latest; the clock goes there."""
        due = [timer for timer in self._running if timer.due <= until]
        if not due:
            return None
        first = min(due, key=lambda timer: (timer.due, timer.depth, timer.order))
        self._running.remove(first)
        self.now = first.due
        return first

    def left(self) -> list[tuple[str, int, float]]:
        """Return (state, number of its delay, seconds left) of all that run, sorted."""
        return sorted((timer.state, timer.order, timer.due - self.now) for timer in self._running)

    def resume(self, state: str, depth: int, order: int, seconds: float, transition: Transition) -> None:
        """Go on with a delay that has `seconds` left."""
        self._running.append(Timer(self.now + seconds, depth, order, state, transition))

    def copy(self) -> Timers:
        """Return timers that run on their own."""
        other = Timers()
        other.now = self.now
        other._running = list(self._running)
        return other
