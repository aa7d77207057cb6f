"""Rooms: which receptacles stand in a kitchen, living room, bedroom or bathroom.

A layout is a room's receptacles, their places and the fixtures that stand on
them; tasks and movable objects are put into it later. A layout is known by its
key, a hash of the multiset of its receptacle classes. The key decides the split,
so no two splits share even a set of furniture, whatever the difficulty or the
seed: `train` and `seen` draw from the same layouts, `unseen` and `test` from
others.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from ...errors import UnknownName
from .build import ObjectDraft, ReceptacleDraft
from .catalogue import OPENABLE, abilities
from .draws import Draws
from .furniture import COUNTS, FIXTURES

SPLITS = ("train", "seen", "unseen", "test")
DIFFICULTIES = ("small", "medium", "full")
ROOMS = ("kitchen", "livingroom", "bedroom", "bathroom")

NUM_LAYOUTS = {"train": 60, "unseen": 30, "test": 30}
"""Layouts per room and difficulty; ALFRED has 24 to train and 6 unseen per room."""
_BOUNDS = {"small": (6, 9), "medium": (10, 16), "full": (13, 40)}
_SHARED = {"small": 0.0, "medium": 0.1, "full": 0.15}
_DOORLESS = {"small": 0.0, "medium": 0.05, "full": 0.1}
_NEIGHBOURS = frozenset(("Cabinet", "Drawer", "Shelf", "StoveBurner"))


@dataclass(frozen=True, slots=True)
class Layout:
    """The furniture of a room.

    Attributes:
        room: one of ROOMS.
        key: names the layout and decides its split; see layout_key.
        receptacles: the receptacles; locations are 0 .. num_locations - 1.
        fixtures: lamps, plants and screens, which nobody can move.
        num_locations: how many places one can stand at, the start not counted.
    """

    room: str
    key: str
    receptacles: tuple[ReceptacleDraft, ...]
    fixtures: tuple[ObjectDraft, ...]
    num_locations: int


def layout_key(classes: Iterable[str]) -> str:
    """Return the key of a room that holds receptacles of these classes, in any case and order."""
    counts = sorted(Counter(name.lower() for name in classes).items())
    text = ",".join(f"{name}*{number}" for name, number in counts)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def split_of(key: str) -> str:
    """Return the split that a layout belongs to: train (and seen), unseen or test."""
    digest = int(hashlib.sha256(key.encode()).hexdigest()[:8], 16)
    return ("train", "train", "unseen", "test")[digest % 4]


def layouts(room: str, difficulty: str, split: str) -> tuple[Layout, ...]:
    """Return the layouts of a room type that a split draws from.

    Raises:
        UnknownName: if the room, the difficulty or the split does not exist.
    """
    if room not in ROOMS:
        raise UnknownName("room", room, ROOMS)
    if difficulty not in DIFFICULTIES:
        raise UnknownName("difficulty", difficulty, DIFFICULTIES)
    if split not in SPLITS:
        raise UnknownName("split", split, SPLITS)
    return _pools(room, difficulty)["train" if split == "seen" else split]


@cache
def _pools(room: str, difficulty: str) -> dict[str, tuple[Layout, ...]]:
    pools: dict[str, dict[str, Layout]] = {split: {} for split in NUM_LAYOUTS}
    number = 0
    while any(len(pools[split]) < wanted for split, wanted in NUM_LAYOUTS.items()):
        layout = _draw_layout(room, difficulty, Draws(f"layout/{room}/{difficulty}/{number}"))
        number += 1
        split = split_of(layout.key)
        if len(pools[split]) < NUM_LAYOUTS[split]:
            pools[split].setdefault(layout.key, layout)
    return {split: tuple(pool.values()) for split, pool in pools.items()}


def _draw_layout(room: str, difficulty: str, draws: Draws) -> Layout:
    least, most = _BOUNDS[difficulty]
    classes: list[str] = []
    while not least <= len(classes) <= most:
        classes = [
            name
            for name, choices in sorted(COUNTS[room][difficulty].items())
            for _ in range(draws.choice(choices))
        ]
    receptacles: list[ReceptacleDraft] = []
    ids = Ids(draws)
    location = -1
    for index, name in enumerate(classes):
        beside = index > 0 and classes[index - 1] == name and name in _NEIGHBOURS
        if not (beside and draws.chance(_SHARED[difficulty])):
            location += 1
        doorless = name in ("Cabinet", "Drawer") and draws.chance(_DOORLESS[difficulty])
        receptacles.append(
            ReceptacleDraft(ids.fresh(name), name, location, openable=name in OPENABLE and not doorless)
        )
    fixtures = _draw_fixtures(room, difficulty, receptacles, ids, draws)
    return Layout(room, layout_key(classes), tuple(receptacles), fixtures, location + 1)


def _draw_fixtures(
    room: str, difficulty: str, receptacles: list[ReceptacleDraft], ids: Ids, draws: Draws
) -> tuple[ObjectDraft, ...]:
    fixtures: list[ObjectDraft] = []
    for name, most, chance, places in FIXTURES[room]:
        stands = [receptacle.id for receptacle in receptacles if receptacle.type in places]
        if not stands or not draws.chance(chance):
            continue
        number = 1 + draws.below(most) if difficulty == "full" else 1
        fixtures += [
            ObjectDraft(ids.fresh(name), name, abilities(name), (draws.choice(stands),))
            for _ in range(number)
        ]
    return tuple(fixtures)


class Ids:
    """Internal ids in the form of the original: a class and three coordinates."""

    def __init__(self, draws: Draws) -> None:
        self._draws = draws
        self._used: set[str] = set()

    def fresh(self, name: str) -> str:
        """Draw an id for a thing of a class that this house does not have yet."""
        owner, basin, _ = name.partition("Basin")
        while True:
            x, y, z = (_COORDINATES[self._draws.below(len(_COORDINATES))] for _ in range(3))
            id_ = f"{owner}_bar_{x}_bar_{y}_bar_{z}" + (f"_bar_{name}" if basin else "")
            if id_ not in self._used:
                self._used.add(id_)
                return id_


_COORDINATES = tuple(
    f"_{sign}_{number // 100:02d}_dot_{number % 100:02d}"
    for sign in ("minus", "plus")
    for number in range(300)
)
