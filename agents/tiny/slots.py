"""Which conversation owns which slot of the key-value cache, and what lies in it."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(slots=True)
class Slot:
    """One slot: its number, and the tokens whose keys and values it holds."""

    number: int
    ids: list[int] = field(default_factory=list)


class SlotTable:
    """The slots of conversations; the one unused for longest gives way.

    Args:
        num_slots: how many conversations fit.
    """

    def __init__(self, num_slots: int) -> None:
        self._free = list(range(num_slots - 1, -1, -1))
        self._owned: OrderedDict[str, Slot] = OrderedDict()
        # Conversations may be forgotten while a batch runs in another thread.
        self._forgotten: deque[str] = deque()

    def __len__(self) -> int:
        return len(self._owned)

    def forget(self, conversation: str) -> None:
        """Free the slot of a conversation before the next batch; safe from any thread."""
        self._forgotten.append(conversation)

    def acquire(self, conversations: Sequence[str | None]) -> list[Slot]:
        """Return a slot for each row of a batch; None gets one for this batch only.

        A name that occurs twice in one batch keeps its slot for the first row.
        """
        while self._forgotten:
            slot = self._owned.pop(self._forgotten.popleft(), None)
            if slot is not None:
                self._release(slot)
        wanted = {name for name in conversations if name is not None}
        taken: set[str] = set()
        slots: list[Slot] = []
        for name in conversations:
            if name is None or name in taken:
                slots.append(Slot(self._take(wanted)))
                continue
            taken.add(name)
            if name not in self._owned:
                self._owned[name] = Slot(self._take(wanted))
            self._owned.move_to_end(name)
            slots.append(self._owned[name])
        return slots

    def release_unowned(self, slots: Sequence[Slot]) -> None:
        """Take back the slots that no conversation owns, after a batch."""
        owned = {slot.number for slot in self._owned.values()}
        for slot in slots:
            if slot.number not in owned:
                self._release(slot)

    def invalidate(self) -> None:
        """Declare everything cached stale; conversations keep their slots."""
        for slot in self._owned.values():
            slot.ids = []

    def _take(self, wanted: set[str]) -> int:
        if not self._free:
            name = next(name for name in self._owned if name not in wanted)
            self._free.append(self._owned.pop(name).number)
        return self._free.pop()

    def _release(self, slot: Slot) -> None:
        self._free.append(slot.number)
        # The lowest free slot goes first, so that a batch is a contiguous range of the cache.
        self._free.sort(reverse=True)
