"""The generated world: things with facts, in three parts that know nothing of each other.

People, cities, regions, works and organisations belong to one side (train, unseen
or test), and every fact links things of the same side. A question about one side
can therefore be answered from that side's pages only, and training never meets
a fact that a test question needs.
"""

from __future__ import annotations

import functools
import random
from dataclasses import dataclass, field
from typing import Literal

from .names import INSTRUMENTS, Namer
from .relations import KINDS, Kind, Relation, of_subject

Side = Literal["train", "unseen", "test"]
SIDES: tuple[Side, ...] = ("train", "unseen", "test")

_SHARES: dict[Side, float] = {"train": 0.8, "unseen": 0.1, "test": 0.1}
_COUNTS: dict[Kind, int] = {
    "person": 8_000,
    "city": 1_600,
    "region": 80,
    "work": 3_200,
    "organisation": 1_200,
}
_MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
           "November", "December")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Thing:
    """One thing of the world; `facts` maps a relation's name to the number of a thing or to a text."""

    number: int
    kind: Kind
    name: str
    side: Side
    facts: dict[str, int | str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class World:
    """All things, by number."""

    seed: int
    things: tuple[Thing, ...]

    def answer(self, thing: Thing, relation: Relation) -> str:
        """Return the object of a relation as a text: a name, a date, a year."""
        value = thing.facts[relation.name]
        return value if isinstance(value, str) else self.things[value].name


@functools.lru_cache(maxsize=4)
def generated_world(seed: int = 0) -> World:
    """Make the world of a seed, once per process."""
    rng = random.Random(f"world {seed}")
    namer = Namer(rng)
    things: list[Thing] = []
    for side in SIDES:
        members: dict[Kind, list[Thing]] = {}
        for kind in KINDS:
            members[kind] = []
            for _ in range(round(_COUNTS[kind] * _SHARES[side])):
                thing = Thing(len(things), kind, namer.name(kind), side)
                things.append(thing)
                members[kind].append(thing)
        _relate(rng, namer, members)
    return World(seed, tuple(things))


def _relate(rng: random.Random, namer: Namer, members: dict[Kind, list[Thing]]) -> None:
    """Give every thing of a side its facts."""
    rivers = [namer.river() for _ in range(max(len(members["city"]) // 8, 2))]
    _marry(rng, members["person"])
    for kind in KINDS:
        for thing in members[kind]:
            for relation in of_subject(kind):
                if relation.name not in thing.facts:
                    thing.facts[relation.name] = _object(rng, thing, relation, members, rivers)


def _object(
    rng: random.Random, thing: Thing, relation: Relation, members: dict[Kind, list[Thing]], rivers: list[str]
) -> int | str:
    if relation.object is not None:
        while True:
            other = rng.choice(members[relation.object])
            if other.number != thing.number:
                return other.number
    if relation.name == "birthday":
        return f"{rng.randint(1, 28)} {rng.choice(_MONTHS)} {rng.randint(1890, 1999)}"
    if relation.name == "instrument":
        return rng.choice(INSTRUMENTS)
    if relation.name == "river":
        return rng.choice(rivers)
    first, last = {"city_year": (1050, 1850), "work_year": (1900, 2020), "organisation_year": (1780, 1980)}[
        relation.name
    ]
    return str(rng.randint(first, last))


def _marry(rng: random.Random, people: list[Thing]) -> None:
    couples = people[:]
    rng.shuffle(couples)
    for person, partner in zip(couples[::2], couples[1::2], strict=False):
        person.facts["spouse"], partner.facts["spouse"] = partner.number, person.number
