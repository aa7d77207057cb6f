"""A small house, built by hand, whose every sentence the tests can spell out."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from turnwise.envs.household import engine
from turnwise.envs.household.build import ObjectDraft, ReceptacleDraft, build
from turnwise.envs.household.game import Ability, Game, Goal, State

A = Ability
FOOD = A.PICKUPABLE | A.HEATABLE | A.COOLABLE | A.CLEANABLE | A.SLICEABLE
PLACE_HOT_APPLE = Goal("place", "Apple", "CounterTop", needs=("hot",), abilities=A.HEATABLE)
RECEPTACLES = (
    ReceptacleDraft("Cabinet_bar__plus_1", "Cabinet", 0, openable=True),
    ReceptacleDraft("Cabinet_bar__minus_1", "Cabinet", 1, openable=True, opened=True),
    ReceptacleDraft("CounterTop_bar_1", "CounterTop", 2),
    ReceptacleDraft("Fridge_bar_1", "Fridge", 3, openable=True),
    ReceptacleDraft("Microwave_bar_1", "Microwave", 4, openable=True),
    ReceptacleDraft("Sink_bar_1_bar_SinkBasin", "SinkBasin", 5),
    ReceptacleDraft("Shelf_bar_1", "Shelf", 6),
    ReceptacleDraft("Shelf_bar_2", "Shelf", 6),
)
OBJECTS = (
    ObjectDraft("Apple_bar_1", "Apple", FOOD, ("CounterTop_bar_1",)),
    ObjectDraft("Apple_bar_2", "Apple", FOOD, ("Fridge_bar_1",)),
    ObjectDraft("DeskLamp_bar_1", "DeskLamp", A.TOGGLEABLE, ("Shelf_bar_1",)),
    ObjectDraft("Fork_bar_1", "Fork", A.PICKUPABLE | A.CLEANABLE),
    ObjectDraft("Knife_bar_1", "Knife", A.PICKUPABLE | A.CLEANABLE, ("CounterTop_bar_1",)),
    ObjectDraft(
        "Mug_bar_1", "Mug", FOOD & ~A.SLICEABLE | A.CONTAINER, ("Shelf_bar_2",), contents=("Fork_bar_1",)
    ),
)
ALLOWED = [
    (place, thing)
    for place in ("CounterTop", "Shelf", "Fridge", "Microwave", "SinkBasin")
    for thing in ("Apple", "Mug", "Knife")
]

MakeHouse = Callable[..., Game]


def make(goal: Goal = PLACE_HOT_APPLE, **changes: object) -> Game:
    """Build the house with a goal; keyword arguments are those of game.build."""
    arguments: dict[str, object] = {
        "task": "house",
        "task_type": "pick_heat_then_place_in_recep",
        "instruction": "Your task is to: heat some apple and put it in countertop.",
        "receptacles": RECEPTACLES,
        "objects": OBJECTS,
        "allowed": ALLOWED,
        "num_locations": 8,
        "start": 7,
        **changes,
    }
    return build(goal=goal, **arguments)  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def make_house() -> MakeHouse:
    return make


@pytest.fixture(scope="session")
def house() -> Game:
    return make()


@pytest.fixture(scope="session")
def act() -> Callable[..., tuple[str, State]]:
    """Return a function that takes actions from the start and gives the last reply."""

    def play(game: Game, *actions: str, state: State | None = None) -> tuple[str, State]:
        reply, now = "", game.initial if state is None else state
        for action in actions:
            reply, now = engine.step(game, now, action)
        return reply, now

    return play
