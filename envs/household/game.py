"""The data of the household games: what a house is, what changes in it, what is asked.

A Game is everything that stays fixed while it is played; a State is everything
that changes, as one flat tuple of small integers. Bit i of a mask stands for
object i, receptacle i or location i; both objects and receptacles are numbered
in the order of their lower-case ids, which is the order of every list that the
original engine prints.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

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


class Ability(enum.IntFlag):
    """What can be done to an object."""

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
    """A place that objects stand in or on.

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
    """A thing with an internal id, a shown name (`egg 2`) and a class (`Egg`)."""

    id: str
    name: str
    type: str
    abilities: Ability


class State(NamedTuple):
    """Everything that changes; equal states behave alike for ever.

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
    """What wins.

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
    """One game: a house, its rules and a task.

    Masks are of objects unless said otherwise. `build` makes one.
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


def bits(mask: int) -> Iterator[int]:
    """Yield the indices of the bits that are set, lowest first."""
    while mask:
        low = mask & -mask
        yield low.bit_length() - 1
        mask ^= low
