"""Generate games: a room, things in plausible places, and a task that can be done.

The same arguments give the same game on every machine; see `canonical_bytes`
and the manifests. Splits share no layout, except that `seen` has the rooms of
`train` with other tasks and things elsewhere.
"""

from __future__ import annotations

import dataclasses
import json
import operator
from functools import cache
from typing import NamedTuple

from ...errors import UnknownName, UsageError
from .build import ObjectDraft, ReceptacleDraft, build
from .catalogue import HOLDS, LAMPS, abilities, can_contain, likelihood
from .draws import Draws
from .furniture import THINGS
from .game import TASK_TYPES, Ability, Game, Goal, TaskType, Wording
from .plan import find_plan
from .rooms import DIFFICULTIES, SPLITS, Ids, Layout, layout_key, layouts

GENERATOR_VERSION = 1
"""Rises whenever a seed gives another game than before."""
STEP_LIMIT = 50
_ATTEMPTS = 100

_ROOMS: dict[str, tuple[str, ...]] = {
    "pick_and_place_simple": ("kitchen", "livingroom", "bedroom", "bathroom"),
    "look_at_obj_in_light": ("livingroom", "bedroom"),
    "pick_clean_then_place_in_recep": ("kitchen", "kitchen", "bathroom"),
    "pick_heat_then_place_in_recep": ("kitchen",),
    "pick_cool_then_place_in_recep": ("kitchen",),
    "pick_two_obj_and_place": ("kitchen", "livingroom", "bedroom", "bathroom"),
}
_TREATMENTS: dict[str, tuple[str, Ability, str]] = {
    "pick_clean_then_place_in_recep": ("clean", Ability.CLEANABLE, "SinkBasin"),
    "pick_heat_then_place_in_recep": ("hot", Ability.HEATABLE, "Microwave"),
    "pick_cool_then_place_in_recep": ("cool", Ability.COOLABLE, "Fridge"),
}
_TEMPLATES: dict[str, tuple[str, str]] = {
    "pick_and_place_simple": ("put a {obj} in {target}", "put some {obj} on {target}"),
    "look_at_obj_in_light": ("look at {obj} under the {target}", "examine the {obj} with the {target}"),
    "pick_clean_then_place_in_recep": (
        "put a clean {obj} in {target}",
        "clean some {obj} and put it in {target}",
    ),
    "pick_heat_then_place_in_recep": (
        "put a hot {obj} in {target}",
        "heat some {obj} and put it in {target}",
    ),
    "pick_cool_then_place_in_recep": (
        "put a cool {obj} in {target}",
        "cool some {obj} and put it in {target}",
    ),
    "pick_two_obj_and_place": ("put two {obj} in {target}", "find two {obj} and put them in {target}"),
}
_CLUTTER = {"small": (5, 8), "medium": (12, 20)}
"""Least and most things besides the wanted ones; full rooms take what the table gives."""


def generate(
    task_type: TaskType,
    seed: int,
    split: str = "train",
    difficulty: str = "full",
    *,
    wording: Wording = "move",
) -> Game:
    """Generate a game that can be won within the step limit.

    Args:
        task_type: one of TASK_TYPES.
        seed: any integer.
        split: train, seen, unseen or test.
        difficulty: small (6 to 9 receptacles), medium (10 to 16) or full, as large
            as ALFWorld's rooms.
        wording: `move O to R`, or `put O in/on R`.

    Returns:
        the game; its walkthrough is a shortest plan.

    Raises:
        UnknownName: if task type, split or difficulty does not exist.
        UsageError: if the seed is not an integer.
    """
    for kind, given, known in (
        ("task type", task_type, TASK_TYPES),
        ("split", split, SPLITS),
        ("difficulty", difficulty, DIFFICULTIES),
    ):
        if given not in known:
            raise UnknownName(kind, given, known)
    try:
        seed = operator.index(seed)
    except TypeError:
        raise UsageError(f"seed {seed!r}: expected an integer") from None
    task = f"generated-v{GENERATOR_VERSION}/{task_type}/{split}/{difficulty}/{seed}"
    for attempt in range(_ATTEMPTS):
        draws = Draws(f"{task}/{attempt}")
        room = draws.choice(_ROOMS[task_type])
        layout = draws.choice(layouts(room, difficulty, split))
        choices = _choices(layout, task_type)
        if not choices:
            continue
        game = _furnish(task, task_type, layout, draws.choice(choices), difficulty, wording, draws)
        steps = find_plan(game, game.initial)
        if steps and len(steps) <= STEP_LIMIT:
            return dataclasses.replace(game, walkthrough=tuple(steps))
    raise UsageError(f"{task}: none of {_ATTEMPTS} drawn rooms allows the task; report this seed")


def goal_of(task_type: TaskType, object_type: str, target_type: str) -> Goal:
    """Return the goal of a task type for a class of object and of receptacle or lamp."""
    if task_type == "look_at_obj_in_light":
        return Goal("light", object_type, target_type)
    if task_type in _TREATMENTS:
        condition, ability, _ = _TREATMENTS[task_type]
        return Goal("place", object_type, target_type, needs=(condition,), abilities=ability)
    return Goal("place", object_type, target_type, count=2 if task_type == "pick_two_obj_and_place" else 1)


def layout_of(game: Game) -> str:
    """Return the key of a game's room: equal exactly when the same furniture stands there."""
    return layout_key(receptacle.type for receptacle in game.receptacles)


def canonical_bytes(game: Game) -> bytes:
    """Return a game as bytes that are equal exactly when the games are.

    The walkthrough is left out: a better planner gives no other game.
    """
    goal = game.goal
    document = {
        "format": 1,
        "task": game.task,
        "task_type": game.task_type,
        "instruction": game.instruction,
        "wording": game.wording,
        "goal": [goal.kind, goal.object_type, goal.target_type, goal.count, goal.needs, int(goal.abilities)],
        "receptacles": [[r.id, r.name, r.type, r.location, r.openable] for r in game.receptacles],
        "objects": [[o.id, o.name, o.type, int(o.abilities)] for o in game.objects],
        "contents": sorted(game.contents.items()),
        "accepts": game.accepts,
        "initial": list(game.initial),
    }
    return json.dumps(document, separators=(",", ":"), sort_keys=True).encode()


class _Choice(NamedTuple):
    object_type: str
    target_type: str


@cache
def _choices(layout: Layout, task_type: TaskType) -> tuple[_Choice, ...]:
    """Return what a task of this type could be about in a room."""
    standing = sorted({receptacle.type for receptacle in layout.receptacles})
    if task_type == "look_at_obj_in_light":
        targets = sorted({fixture.type for fixture in layout.fixtures if fixture.type in LAMPS})
    else:
        targets = standing
    ability, appliance = Ability.PICKUPABLE, ""
    if task_type in _TREATMENTS:
        _, ability, appliance = _TREATMENTS[task_type]
    return tuple(
        _Choice(obj, target)
        for obj in sorted(THINGS[layout.room])
        for target in targets
        if ability in abilities(obj)
        and target != appliance
        and (target in LAMPS or can_contain(target, obj))
        and any(place != target and can_contain(place, obj) for place in standing)
    )


def _furnish(
    task: str,
    task_type: TaskType,
    layout: Layout,
    choice: _Choice,
    difficulty: str,
    wording: Wording,
    draws: Draws,
) -> Game:
    ids = Ids(draws)
    objects = list(layout.fixtures)
    needed = 2 if task_type == "pick_two_obj_and_place" else 1
    spare = 0 if difficulty == "small" else draws.below(4 - needed)
    objects += [
        _thing(choice.object_type, layout.receptacles, choice.target_type, ids, draws)
        for _ in range(needed + spare)
    ]
    objects += [
        _thing(name, layout.receptacles, "", ids, draws)
        for name in _clutter(layout, choice.object_type, difficulty, draws)
    ]
    sentence = draws.choice(_TEMPLATES[task_type]).format(
        obj=choice.object_type.lower(), target=choice.target_type.lower()
    )
    return build(
        task=task,
        task_type=task_type,
        instruction=f"Your task is to: {sentence}.",
        goal=goal_of(task_type, choice.object_type, choice.target_type),
        receptacles=layout.receptacles,
        objects=objects,
        allowed=_PAIRS,
        num_locations=layout.num_locations + 1,
        start=layout.num_locations,
        wording=wording,
    )


_PAIRS = tuple((receptacle, obj) for receptacle, things in sorted(HOLDS.items()) for obj in sorted(things))


def _clutter(layout: Layout, wanted: str, difficulty: str, draws: Draws) -> list[str]:
    """Draw the classes of everything that lies about besides the wanted things."""
    standing = {receptacle.type for receptacle in layout.receptacles}
    names: list[str] = []
    for name, (chance, most) in THINGS[layout.room].items():
        if name == wanted or not any(can_contain(place, name) for place in standing):
            continue
        if draws.chance(chance):
            names += [name] * (1 if difficulty == "small" else 1 + draws.below(most))
    names = draws.shuffled(names)
    if difficulty in _CLUTTER:
        least, most = _CLUTTER[difficulty]
        del names[least + draws.below(most - least + 1) :]
    return names


def _thing(
    name: str, receptacles: tuple[ReceptacleDraft, ...], avoided: str, ids: Ids, draws: Draws
) -> ObjectDraft:
    """Put a thing of a class into a likely receptacle, not of the avoided class."""
    weights = [0 if r.type == avoided else likelihood(name, r.type) for r in receptacles]
    place = draws.weighted(receptacles, weights)
    return ObjectDraft(ids.fresh(name), name, abilities(name), (place.id,))
