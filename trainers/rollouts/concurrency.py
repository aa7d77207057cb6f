"""How many episodes are under way at once: grown and shrunk by what throughput makes of it."""

from __future__ import annotations

_STEP = 1.25
_GAIN = 0.03  # of throughput; less is the same


class Concurrency:
    """A number of slots that climbs to where throughput is highest, and stays near.

    After each window it goes on in its direction if throughput has risen, turns if it has fallen, and
    goes down if it is the same: fewer episodes at once are fresher.

    Args:
        slots: to begin with.
        most: never more.
        least: never fewer.
    """

    def __init__(self, slots: int, most: int, least: int = 1) -> None:
        self.slots, self._most, self._least = slots, most, least
        self._grows = True
        self._before = 0.0  # throughput of the window before; 0: there was none

    def after(self, throughput: float) -> int:
        """Return how many slots there are from here on.

        Args:
            throughput: tokens a second of a window with the slots of before.
        """
        before, self._before = self._before, throughput
        if throughput < (1 - _GAIN) * before:
            self._grows = not self._grows
        elif throughput <= (1 + _GAIN) * before:
            self._grows = False
        self._grows |= self.slots == self._least
        wanted = self.slots * _STEP + 1 if self._grows else self.slots / _STEP
        self.slots = max(self._least, min(self._most, int(wanted)))
        return self.slots
