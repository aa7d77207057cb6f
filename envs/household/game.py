"""The data of the household games: what a house is, what changes in it, what is asked.

A Game is everything that stays fixed while it is played; a State is everything
that changes, as one flat tuple of small integers. Bit i of a mask stands for
object i, receptacle i or location i; both objects and receptacles are numbered
in the order of their lower-case ids, which is the order of every list that the
original engine prints.
"""

from __future__ import annotations

import enum
import functools
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

from ...errors import UsageError

__all__ = [
    "CONDITIONS",
    "TASK_TYPES",
    "Ability",
    "Game",
    "Goal",
    "HouseObject",
    "ObjectDraft",
    "Receptacle",
    "ReceptacleDraft",
    "State",
    "TaskType",
    "Wording",
    "bits",
    "build",
    "demangle",
]

TaskType = Literal[
    "pick_and_place_simple",
    "look_at_obj_in_light",
    "pick_clean_then_place_in_recep",
    "pick_heat_then_place_in_recep",
    "pick_cool_then_place_in_recep",
    "pick_two_obj_and_place",
]
TASK_TYPES: tuple[TaskType, ...] = (
    "pick_and_place_simple",
    "look_at_obj_in_light",
    "pick_clean_then_place_in_recep",
    "pick_heat_then_place_in_recep",
    "pick_cool_then_place_in_recep",
    "pick_two_obj_and_place",
)
Wording = Literal["move", "put"]
"""`move O to R` as released today, or `put O in/on R` as in the first releases."""

CONDITIONS = ("hot", "cool", "clean", "sliced")
"""What a goal may ask of the object itself; each names a field of State."""


_SINGLE = {1 << index: 1 << index for index in range(256)}
"""Masks of one bit, held once for all games, which live in thousands side by side."""


class Ability(enum.IntFlag):
    """Say what can be done to an object."""

    PICKUPABLE = 1
    HEATABLE = 2
    COOLABLE = 4
    CLEANABLE = 8
    SLICEABLE = 16
    TOGGLEABLE = 32
    CONTAINER = 64  # isReceptacleObject: a mug, a bowl; nothing can be put into it


NO_ABILITY = Ability(0)


@dataclass(frozen=True, slots=True)
class Receptacle:
    """Be a place that objects stand in or on.

    Args:
        id: the internal id, e.g. `Cabinet_bar__plus_00_dot_10`.
        name: the shown name, e.g. `cabinet 1`.
        type: the class, e.g. `Cabinet`.
        location: index of where the agent stands to reach it; -1 if it cannot be reached.
        openable: whether it has a door, which hides what is inside.
    """

    id: str
    name: str
    type: str
    location: int
    openable: bool


@dataclass(frozen=True, slots=True)
class HouseObject:
    """Be a thing with an internal id, a shown name (`egg 2`) and a class (`Egg`)."""

    id: str
    name: str
    type: str
    abilities: Ability


class State(NamedTuple):
    """Hold everything that changes; equal states behave alike for ever.

    `inside`, `at` and `left` have one mask per object. An object stands in one
    receptacle as a rule, but the original data also has objects in two or none,
    and objects whose recorded location is not that of their receptacle, and the
    original engine keeps each fact apart.
    """

    location: int
    held: int  # index of the object in hand, -1 for none
    inside: tuple[int, ...]  # masks of receptacles
    at: tuple[int, ...]  # masks of locations
    left: tuple[int, ...]  # masks of receptacles with a shared location that it was taken from
    opened: int  # mask of receptacles
    hot: int  # this and the following: masks of objects
    cool: int
    clean: int
    sliced: int
    toggled: int


@dataclass(frozen=True, slots=True)
class Goal:
    """Say what wins.

    Args:
        kind: `place`: `count` fitting objects in one receptacle of the target
            type; `light`: a fitting object in hand, where a lamp of the target
            type stands that has been switched.
        object_type: the class of the object, e.g. `Egg`.
        target_type: the class of the receptacle or of the lamp.
        count: how many different objects, 1 or 2.
        needs: which of CONDITIONS each object must fulfil.
        abilities: what each object must be able to; the original asks for it beside
            the condition.
    """

    kind: Literal["place", "light"]
    object_type: str
    target_type: str
    count: int = 1
    needs: tuple[str, ...] = ()
    abilities: Ability = NO_ABILITY


@dataclass(frozen=True, slots=True, eq=False)
class Game:
    """Be one game: a house, its rules and a task.

    Masks are of objects unless said otherwise. Build one with `build`.
    """

    task: str  # identifier of the task instance
    task_type: TaskType
    instruction: str  # the line that states the task, e.g. `Your task is to: put a mug in desk.`
    goal: Goal
    receptacles: tuple[Receptacle, ...]
    objects: tuple[HouseObject, ...]
    index: Mapping[str, int]  # shown name -> receptacle index, or ~object index
    initial: State
    accepts: tuple[int, ...]  # per object: mask of receptacles that it may be put into
    located: tuple[int, ...]  # per location: mask of the receptacles there
    contents: Mapping[int, tuple[str, ...]]  # names of what lies in a container, from the start
    openable: int  # mask of receptacles
    shared: int  # mask of receptacles that share their location with another
    microwaves: int  # mask of receptacles
    fridges: int  # mask of receptacles
    sinks: int  # mask of receptacles
    pickupable: int
    heatable: int
    coolable: int
    cleanable: int
    sliceable: int
    toggleable: int
    knives: int
    goal_objects: int  # objects of the goal's class with its abilities
    goal_targets: int  # mask of receptacles (place) or of lamps (light)
    walkthrough: tuple[str, ...] = ()
    wording: Wording = "move"

    def receptacle_of(self, state: State, object_index: int) -> int:
        """Return the first receptacle that an object is in, or -1."""
        mask = state.inside[object_index]
        return (mask & -mask).bit_length() - 1

    def contents_of(self, state: State, receptacle_index: int) -> tuple[int, ...]:
        """Return the objects in a receptacle, in the order in which they are listed."""
        bit = 1 << receptacle_index
        return tuple(o for o, mask in enumerate(state.inside) if mask & bit)


@dataclass(frozen=True, slots=True)
class ReceptacleDraft:
    """Describe a receptacle to `build`; the name follows from all the ids."""

    id: str
    type: str
    location: int
    openable: bool = False
    opened: bool = False


@dataclass(frozen=True, slots=True)
class ObjectDraft:
    """Describe an object to `build`.

    Args:
        id: the internal id.
        type: the class.
        abilities: what can be done to it.
        inside: ids of the receptacles it starts in.
        at: locations it is recorded at; None: those of its receptacles.
        conditions: names of CONDITIONS, or `toggled`, that hold from the start.
        contents: ids of objects that lie in it, where it is a container.
        held: whether it starts in the agent's hand.
    """

    id: str
    type: str
    abilities: Ability
    inside: tuple[str, ...] = ()
    at: tuple[int, ...] | None = None
    conditions: frozenset[str] = frozenset()
    contents: tuple[str, ...] = ()
    held: bool = False


def bits(mask: int) -> Iterator[int]:
    """Yield the indices of the bits that are set, lowest first."""
    while mask:
        low = mask & -mask
        yield low.bit_length() - 1
        mask ^= low


def demangle(ids: Iterable[str]) -> dict[str, str]:
    """Return the shown name of each id, as the original names them.

    The name is the class and a number; of the ids of a class, the first in
    alphabetical order gets the highest number. An id without `_bar_` keeps its
    text and gets a blank, as in the original.

    Returns:
        id as given -> shown name.
    """
    given = {id_.lower(): id_ for id_ in ids}
    classes = {low: _class_of(low) for low in given}
    remaining = Counter(cls for cls in classes.values() if cls is not None)
    names = {}
    for low in sorted(given):
        cls = classes[low]
        if cls is None:
            names[given[low]] = low + " "
            continue
        names[given[low]] = _shown(cls, remaining[cls])
        remaining[cls] -= 1
    return names


def _class_of(low_id: str) -> str | None:
    name, bar, _ = low_id.partition("_bar_")
    if not bar:
        return None
    return name + "basin" if "basin" in low_id else name


@functools.lru_cache(maxsize=4096)
def _shown(cls: str, number: int) -> str:
    """Make a name once for all games."""
    return f"{cls} {number}"


def build(
    *,
    task: str,
    task_type: TaskType,
    instruction: str,
    goal: Goal,
    receptacles: Iterable[ReceptacleDraft],
    objects: Iterable[ObjectDraft],
    allowed: Iterable[tuple[str, str]],
    num_locations: int,
    start: int,
    walkthrough: Iterable[str] = (),
    wording: Wording = "move",
    named: Iterable[str] = (),
) -> Game:
    """Build a game from drafts in any order.

    Args:
        task: identifier of the task instance.
        task_type: one of TASK_TYPES.
        instruction: the line that states the task.
        goal: what wins.
        receptacles: the receptacles.
        objects: the objects.
        allowed: (receptacle class, object class) pairs that may be combined.
        num_locations: locations are 0 .. num_locations - 1.
        start: location of the agent at the start.
        walkthrough: actions that win, where known.
        wording: which commands the game understands.
        named: further ids that take part in the numbering.

    Raises:
        UsageError: if an id is used twice, or names a receptacle that is not there.
    """
    places = sorted(receptacles, key=lambda r: r.id.lower())
    things = sorted(objects, key=lambda o: o.id.lower())
    ids = [place.id for place in places] + [thing.id for thing in things]
    for id_, count in Counter(id_.lower() for id_ in ids).items():
        if count > 1:
            raise UsageError(f"game {task!r}: the id {id_!r} is used {count} times; make ids unique")
    names = demangle([*ids, *named])
    shown_places = tuple(Receptacle(r.id, names[r.id], r.type, r.location, r.openable) for r in places)
    shown_things = tuple(HouseObject(o.id, names[o.id], o.type, o.abilities) for o in things)
    located = _located(places, num_locations)
    of_type = _masks_by_type(place.type for place in places)
    thing_types = _masks_by_type(thing.type for thing in things)
    able = {ability: _mask(ability in thing.abilities for thing in things) for ability in Ability}
    fitting = thing_types.get(goal.object_type.lower(), 0)
    for ability in goal.abilities:
        fitting &= able[ability]
    targets = of_type if goal.kind == "place" else thing_types
    return Game(
        task=task,
        task_type=task_type,
        instruction=instruction,
        goal=goal,
        receptacles=shown_places,
        objects=shown_things,
        index={
            **{place.name: i for i, place in enumerate(shown_places)},
            **{thing.name: ~i for i, thing in enumerate(shown_things)},
        },
        initial=_initial(places, things, start, task),
        accepts=_accepts(things, of_type, allowed),
        located=located,
        contents={
            i: tuple(names[inner] for inner in sorted(thing.contents, key=str.lower))
            for i, thing in enumerate(things)
            if thing.contents
        },
        openable=_mask(place.openable for place in places),
        shared=sum(mask for mask in located if mask & (mask - 1)),
        microwaves=of_type.get("microwave", 0),
        fridges=of_type.get("fridge", 0),
        sinks=of_type.get("sinkbasin", 0),
        pickupable=able[Ability.PICKUPABLE],
        heatable=able[Ability.HEATABLE],
        coolable=able[Ability.COOLABLE],
        cleanable=able[Ability.CLEANABLE],
        sliceable=able[Ability.SLICEABLE],
        toggleable=able[Ability.TOGGLEABLE],
        knives=thing_types.get("knife", 0) | thing_types.get("butterknife", 0),
        goal_objects=fitting,
        goal_targets=targets.get(goal.target_type.lower(), 0)
        & (able[Ability.TOGGLEABLE] if goal.kind == "light" else -1),
        walkthrough=tuple(walkthrough),
        wording=wording,
    )


def _mask(flags: Iterable[bool]) -> int:
    return sum(1 << i for i, flag in enumerate(flags) if flag)


def _union(indices: Iterable[int]) -> int:
    mask = 0
    for index in indices:
        mask |= 1 << index
    return _SINGLE.get(mask, mask)


def _masks_by_type(types: Iterable[str]) -> dict[str, int]:
    masks: dict[str, int] = {}
    for i, type_ in enumerate(types):
        masks[type_.lower()] = masks.get(type_.lower(), 0) | 1 << i
    return masks


def _located(places: list[ReceptacleDraft], num_locations: int) -> tuple[int, ...]:
    return tuple(_mask(place.location == here for place in places) for here in range(num_locations))


def _accepts(
    things: list[ObjectDraft], of_type: dict[str, int], allowed: Iterable[tuple[str, str]]
) -> tuple[int, ...]:
    by_object: dict[str, int] = {}
    for receptacle_type, object_type in allowed:
        key = object_type.lower()
        by_object[key] = by_object.get(key, 0) | of_type.get(receptacle_type.lower(), 0)
    return tuple(by_object.get(thing.type.lower(), 0) for thing in things)


def _initial(places: list[ReceptacleDraft], things: list[ObjectDraft], start: int, task: str) -> State:
    number = {place.id.lower(): i for i, place in enumerate(places)}
    inside, at = [], []
    for thing in things:
        unknown = [id_ for id_ in thing.inside if id_.lower() not in number]
        if unknown:
            raise UsageError(f"game {task!r}: {thing.id} is in {unknown[0]!r}, which is no receptacle of it")
        indices = [number[id_.lower()] for id_ in thing.inside]
        where = [places[i].location for i in indices] if thing.at is None else thing.at
        inside.append(_union(indices))
        at.append(_union(here for here in where if here >= 0))
    held = [i for i, thing in enumerate(things) if thing.held]
    if len(held) > 1:
        raise UsageError(f"game {task!r}: {len(held)} objects in hand at the start; expected at most one")
    state = {name: _mask(name in thing.conditions for thing in things) for name in (*CONDITIONS, "toggled")}
    return State(
        location=start,
        held=held[0] if held else -1,
        inside=tuple(inside),
        at=tuple(at),
        left=(0,) * len(things),
        opened=_mask(place.opened for place in places),
        **state,
    )
