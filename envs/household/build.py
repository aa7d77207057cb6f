"""Build a game: drafts of its things in any order become masks, numbers and shown names."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from ...errors import UsageError
from .game import CONDITIONS, Ability, Game, Goal, HouseObject, Receptacle, State, TaskType, Wording

_SINGLE = {1 << index: 1 << index for index in range(256)}
"""Masks of one bit, held once for all games, which live in thousands side by side."""


@dataclass(frozen=True, slots=True)
class ReceptacleDraft:
    """A receptacle as `build` is given it; the name follows from all the ids."""

    id: str
    type: str
    location: int
    openable: bool = False
    opened: bool = False


@dataclass(frozen=True, slots=True)
class ObjectDraft:
    """An object as `build` is given it.

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
        named: other ids that take part in the numbering.

    Raises:
        UsageError: if an id is used twice, or names a receptacle that is not there.
    """
    places = sorted(receptacles, key=lambda r: r.id.lower())
    things = sorted(objects, key=lambda o: o.id.lower())
    names = _names([*places, *things], named, task)
    shown_places = tuple(Receptacle(r.id, names[r.id], r.type, r.location, r.openable) for r in places)
    shown_things = tuple(HouseObject(o.id, names[o.id], o.type, o.abilities) for o in things)
    located = _located(places, num_locations)
    of_type = _masks_by_type(place.type for place in places)
    thing_types = _masks_by_type(thing.type for thing in things)
    able = {ability: _mask(ability in thing.abilities for thing in things) for ability in Ability}
    goal_objects, goal_targets = _goal_masks(goal, of_type, thing_types, able)
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
        contents=_contents(things, names),
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
        goal_objects=goal_objects,
        goal_targets=goal_targets,
        walkthrough=tuple(walkthrough),
        wording=wording,
    )


def _names(
    drafts: Iterable[ReceptacleDraft | ObjectDraft], named: Iterable[str], task: str
) -> dict[str, str]:
    """Return the shown name of each id; UsageError if one is used twice."""
    ids = [draft.id for draft in drafts]
    for id_, count in Counter(id_.lower() for id_ in ids).items():
        if count > 1:
            raise UsageError(f"game {task!r}: the id {id_!r} is used {count} times; make ids unique")
    return demangle([*ids, *named])


def _goal_masks(
    goal: Goal, of_type: dict[str, int], thing_types: dict[str, int], able: dict[Ability, int]
) -> tuple[int, int]:
    """Return the masks of the objects that fit a goal, and of its receptacles or lamps."""
    fitting = thing_types.get(goal.object_type.lower(), 0)
    for ability in goal.abilities:
        fitting &= able[ability]
    target_type = goal.target_type.lower()
    if goal.kind == "place":
        return fitting, of_type.get(target_type, 0)
    return fitting, thing_types.get(target_type, 0) & able[Ability.TOGGLEABLE]


def _contents(things: list[ObjectDraft], names: dict[str, str]) -> dict[int, tuple[str, ...]]:
    """Return the shown names of what lies in each container that is not empty."""
    return {
        i: tuple(names[inner] for inner in sorted(thing.contents, key=str.lower))
        for i, thing in enumerate(things)
        if thing.contents
    }


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
            raise UsageError(
                f"game {task!r}: {thing.id} is in {unknown[0]!r}, which is not a receptacle of it"
            )
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
