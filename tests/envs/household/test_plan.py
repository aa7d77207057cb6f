"""The planner against breadth-first search over the engine's own actions, on houses small enough."""

from __future__ import annotations

import dataclasses
import random
from collections import deque

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from turnwise.envs.household import engine
from turnwise.envs.household.build import ObjectDraft, ReceptacleDraft, build
from turnwise.envs.household.chores import Chores
from turnwise.envs.household.game import TASK_TYPES, Ability, Game, Goal, State, TaskType
from turnwise.envs.household.generate import generate
from turnwise.envs.household.plan import find_plan, next_action, obstacle, plan, solvable
from turnwise.errors import UsageError

FOOD = Ability.PICKUPABLE | Ability.HEATABLE | Ability.COOLABLE | Ability.CLEANABLE | Ability.SLICEABLE
IDLE = ("examine", "look", "help", "inventory")

PLACE = Goal("place", "Egg", "Drawer")
GOALS = {
    "place": PLACE,
    "hot": Goal("place", "Egg", "CounterTop", needs=("hot",), abilities=Ability.HEATABLE),
    "cool": Goal("place", "Egg", "Drawer", needs=("cool",), abilities=Ability.COOLABLE),
    "clean": Goal("place", "Egg", "Fridge", needs=("clean",), abilities=Ability.CLEANABLE),
    "two": Goal("place", "Egg", "Drawer", count=2),
    "light": Goal("light", "Egg", "DeskLamp"),
    "sliced": Goal("place", "Egg", "Drawer", needs=("sliced",), abilities=Ability.SLICEABLE),
    "hot and sliced": Goal(
        "place", "Egg", "Fridge", needs=("sliced", "hot"), abilities=Ability.SLICEABLE | Ability.HEATABLE
    ),
    "two sliced": Goal("place", "Egg", "CounterTop", count=2, needs=("sliced",), abilities=Ability.SLICEABLE),
    "light on sliced": Goal("light", "Egg", "DeskLamp", needs=("sliced",), abilities=Ability.SLICEABLE),
}
TOO_MANY_STATES = (("two sliced", 1), ("two sliced", 2))
"""Cases that take the breadth-first search seconds."""


def house(goal: Goal, **changes: str) -> Game:
    """Build a house of six receptacles in four places; changes say where things start."""
    where = {"egg1": "Fridge_bar_1", "egg2": "CounterTop_bar_1", "knife": "Drawer_bar_1", **changes}
    receptacles = [
        ReceptacleDraft("Fridge_bar_1", "Fridge", 0, openable=True),
        ReceptacleDraft("Microwave_bar_1", "Microwave", 1, openable=True),
        ReceptacleDraft("CounterTop_bar_1", "CounterTop", 1),
        ReceptacleDraft("Drawer_bar_1", "Drawer", 2, openable=True),
        ReceptacleDraft("Drawer_bar_2", "Drawer", 2, openable=True),
        ReceptacleDraft("Sink_bar_1_bar_SinkBasin", "SinkBasin", 3),
    ]
    objects = [
        ObjectDraft("Egg_bar_1", "Egg", FOOD, (where["egg1"],)),
        ObjectDraft("Egg_bar_2", "Egg", FOOD, (where["egg2"],)),
        ObjectDraft("Knife_bar_1", "Knife", Ability.PICKUPABLE, (where["knife"],)),
        ObjectDraft("DeskLamp_bar_1", "DeskLamp", Ability.TOGGLEABLE, ("CounterTop_bar_1",)),
    ]
    allowed = [(r, "Egg") for r in ("Fridge", "Microwave", "CounterTop", "Drawer", "SinkBasin")]
    allowed += [(r, "Knife") for r in ("CounterTop", "Drawer")]
    return build(
        task="tiny",
        task_type="pick_and_place_simple",
        instruction="Your task is to: test.",
        goal=goal,
        receptacles=receptacles,
        objects=objects,
        allowed=allowed,
        num_locations=5,
        start=4,
    )


def shortest(game: Game, state: State, skip: tuple[str, ...] = IDLE) -> int:
    """Return the least number of actions to a win, trying everything that is possible."""
    seen, queue = {_key(state)}, deque([(state, 0)])
    while queue:
        state, depth = queue.popleft()
        if engine.won(game, state):
            return depth
        for action in engine.admissible(game, state):
            if action.startswith(skip):
                continue
            _, following = engine.step(game, state, action)
            if _key(following) not in seen:
                seen.add(_key(following))
                queue.append((following, depth + 1))
    raise AssertionError("no way to win")


def _key(state: State) -> State:
    return state._replace(left=())


def wander(game: Game, seed: int, turns: int) -> State:
    """Return a state that random actions lead to."""
    rng, state = random.Random(seed), game.initial
    for _ in range(turns):
        state = engine.step(game, state, rng.choice(engine.admissible(game, state)))[1]
    return state


def follow(game: Game, state: State) -> State:
    for action in plan(game, state):
        assert not engine.won(game, state)
        assert action in engine.admissible(game, state)
        _, state = engine.step(game, state, action)
    assert engine.won(game, state)
    return state


@pytest.mark.parametrize(
    ("name", "seed"),
    [(name, seed) for name in GOALS for seed in range(4) if (name, seed) not in TOO_MANY_STATES],
)
def test_no_plan_is_longer_than_needed(name: str, seed: int) -> None:
    game = house(GOALS[name])
    state = wander(game, seed, 12 * seed)
    assert len(plan(game, state)) == shortest(game, state)
    follow(game, state)


@pytest.mark.parametrize("task_type", [t for t in TASK_TYPES if t != "pick_two_obj_and_place"])
def test_no_plan_of_a_generated_game_is_longer_than_needed(task_type: TaskType) -> None:
    for seed in range(3):
        game = generate(task_type, seed, "train", "small")
        wanted = game.goal.object_type.lower()
        others = {o.name for o in game.objects if not o.name.startswith(wanted + " ")}
        skip = (*IDLE, "close", *(f"take {name} " for name in others))
        assert len(game.walkthrough) == shortest(game, game.initial, skip)


def test_a_plan_by_hand() -> None:
    game = house(GOALS["hot"], egg2="Sink_bar_1_bar_SinkBasin")
    # The first id has the highest number, so the egg in the sink is egg 1.
    assert plan(game, game.initial) == [
        "go to sinkbasin 1",
        "take egg 1 from sinkbasin 1",
        "go to microwave 1",
        "heat egg 1 with microwave 1",
        "move egg 1 to countertop 1",
    ]


def test_cooling_undoes_heating_and_the_plan_heats_again() -> None:
    game = house(GOALS["hot"])
    state = game.initial
    for action in (
        "go to countertop 1",
        "take egg 1 from countertop 1",
        "heat egg 1 with microwave 1",
        "go to fridge 1",
        "cool egg 1 with fridge 1",
    ):
        state = engine.step(game, state, action)[1]
    assert "heat egg 1 with microwave 1" in plan(game, state)
    follow(game, state)


def test_the_wrong_object_in_hand_is_put_down_first() -> None:
    game = house(PLACE, egg1="Fridge_bar_1", egg2="Fridge_bar_1")
    state = wander(game, 0, 0)
    for action in ("go to drawer 2", "open drawer 2", "take knife 1 from drawer 2"):
        state = engine.step(game, state, action)[1]
    assert plan(game, state)[0] == "move knife 1 to drawer 2"
    follow(game, state)


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(TASK_TYPES),
    st.sampled_from(("small", "medium", "full")),
    st.integers(0, 10_000),
    st.integers(0, 40),
)
def test_every_state_of_a_generated_game_leads_to_a_win(
    task_type: TaskType, difficulty: str, seed: int, turns: int
) -> None:
    game = generate(task_type, seed, "unseen", difficulty)
    state = wander(game, seed, turns)
    if engine.won(game, state):
        assert plan(game, state) == []
        assert next_action(game, state) is None
        return
    steps = plan(game, state)
    chores = Chores(game, state)
    assert 0 < chores.bound(chores.start) <= len(steps)
    assert next_action(game, state) == steps[0]
    assert solvable(game, state)
    follow(game, state)


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(TASK_TYPES), st.integers(0, 10_000), st.integers(0, 20))
def test_each_action_of_a_plan_brings_the_win_one_closer(task_type: TaskType, seed: int, turns: int) -> None:
    game = generate(task_type, seed, "train", "medium")
    state = wander(game, seed, turns)
    steps = plan(game, state)
    for done, action in enumerate(steps):
        assert len(plan(game, state)) == len(steps) - done
        _, state = engine.step(game, state, action)


@pytest.mark.parametrize(
    ("goal", "reason"),
    [
        (Goal("place", "Mug", "Drawer"), "0 of 1 Mug"),
        (Goal("place", "Egg", "Safe"), "no Safe"),
        (Goal("place", "Knife", "Fridge"), "no Fridge that could be reached and takes Knife"),
        (Goal("place", "Knife", "Drawer", count=2), "1 of 2 Knife"),
        (Goal("place", "Knife", "Drawer", needs=("hot",)), "nothing that makes Knife hot"),
        (Goal("light", "Egg", "FloorLamp"), "no FloorLamp"),
        (
            Goal("place", "DeskLamp", "CounterTop", count=1, needs=("clean",)),
            "nothing that makes DeskLamp clean",
        ),
    ],
)
def test_what_is_missing_is_said(goal: Goal, reason: str) -> None:
    game = house(goal)
    assert reason in str(obstacle(game, game.initial))
    assert not solvable(game, game.initial)
    assert next_action(game, game.initial) is None
    with pytest.raises(UsageError, match="cannot be fulfilled"):
        plan(game, game.initial)


def test_hot_and_cool_at_once_is_out_of_reach() -> None:
    game = house(Goal("place", "Egg", "Drawer", needs=("hot", "cool")))
    assert find_plan(game, game.initial) is None


def test_a_receptacle_that_cannot_be_reached_does_not_count() -> None:
    game = house(PLACE)
    moved = tuple(dataclasses.replace(r, location=-1) if r.type == "Drawer" else r for r in game.receptacles)
    drawers = sum(1 << i for i, r in enumerate(moved) if r.location == -1)
    cut = dataclasses.replace(
        game, receptacles=moved, located=tuple(mask & ~drawers for mask in game.located)
    )
    assert "no Drawer" in str(obstacle(cut, cut.initial))


def test_the_old_wording_is_planned_in_its_own_words() -> None:
    game = generate("pick_two_obj_and_place", 4, "train", "small", wording="put")
    follow(game, game.initial)
