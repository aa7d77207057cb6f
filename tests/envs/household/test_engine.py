"""The rules and sentences, spelled out by hand; test_oracle.py holds them against the original."""

from __future__ import annotations

import pytest

from turnwise.envs.household import engine, text
from turnwise.envs.household.build import ObjectDraft, demangle
from turnwise.envs.household.game import Ability, Goal
from turnwise.errors import UsageError

NOTHING = "Nothing happens."
COUNTER = "go to countertop 1"
TAKE_APPLE = "take apple 2 from countertop 1"
TAKE_KNIFE = "take knife 1 from countertop 1"
SLICE = "slice apple 2 with knife 1"
GO = [
    "cabinet 1",
    "cabinet 2",
    "countertop 1",
    "fridge 1",
    "microwave 1",
    "shelf 1",
    "shelf 2",
    "sinkbasin 1",
]


def going(*left_out):
    return [f"go to {name}" for name in GO if name not in left_out]


def test_names_count_down_in_the_order_of_ids():
    names = demangle(
        ["Cabinet_bar__plus_1", "Cabinet_bar__minus_1", "Sink_bar_1_bar_SinkBasin", "Sink_bar_2", "agent1"]
    )
    assert names == {
        "Cabinet_bar__minus_1": "cabinet 2",
        "Cabinet_bar__plus_1": "cabinet 1",
        "Sink_bar_1_bar_SinkBasin": "sinkbasin 1",
        "Sink_bar_2": "sink 1",
        "agent1": "agent1 ",
    }


def test_intro(house):
    assert text.intro(house) == (
        "-= Welcome to TextWorld, ALFRED! =-\n\n"
        "You are in the middle of a room. Looking quickly around you, you see a cabinet 2, a cabinet 1, "
        "a countertop 1, a fridge 1, a microwave 1, a shelf 2, a shelf 1, and a sinkbasin 1.\n\n"
        "Your task is to: heat some apple and put it in countertop."
    )


def test_intro_beside_a_receptacle(make_house):
    assert "\n\nYou are facing the fridge 1. Next to it, you see nothing.\n\n" in text.intro(
        make_house(start=3)
    )


@pytest.mark.parametrize(
    ("actions", "reply"),
    [
        (["look"], "You are in the middle of a room. Looking quickly around you, you see nothing."),
        (["inventory"], "You are not carrying anything."),
        (["go to cabinet 1"], "You arrive at cabinet 1. The cabinet 1 is closed."),
        (["go to cabinet 2"], "You arrive at cabinet 2. The cabinet 2 is open. In it, you see nothing."),
        ([COUNTER], "You arrive at countertop 1. On the countertop 1, you see a apple 2, and a knife 1."),
        ([COUNTER, COUNTER], NOTHING),
        (["go to shelf 1", "go to shelf 2"], NOTHING),
        (["go to shelf 1", "look"], "You are facing the shelf 2, and shelf 1. Next to it, you see nothing."),
        (
            ["go to fridge 1", "open fridge 1"],
            "You open the fridge 1. The fridge 1 is open. In it, you see a apple 1.",
        ),
        (["go to fridge 1", "open fridge 1", "open fridge 1"], NOTHING),
        (["go to fridge 1", "open fridge 1", "close fridge 1"], "You close the fridge 1."),
        (["go to fridge 1", "close fridge 1"], NOTHING),
        (["go to fridge 1", "examine fridge 1"], "The fridge 1 is closed."),
        ([COUNTER, "open countertop 1"], NOTHING),
        (["open fridge 1"], NOTHING),
        (["go to fridge 1", "take apple 1 from fridge 1"], NOTHING),
        (
            [COUNTER, TAKE_APPLE],
            "You pick up the apple 2 from the countertop 1.",
        ),
        ([COUNTER, TAKE_APPLE, "inventory"], "You are carrying: a apple 2."),
        ([COUNTER, TAKE_APPLE, TAKE_KNIFE], NOTHING),
        (["go to shelf 1", "take desklamp 1 from shelf 2"], NOTHING),
        (["go to shelf 1", "use desklamp 1"], "You turn on the desklamp 1."),
        (["go to shelf 1", "use desklamp 1", "use desklamp 1"], "You turn on the desklamp 1."),
        (["use desklamp 1"], NOTHING),
        ([COUNTER, "examine apple 2"], NOTHING),
        (["go to shelf 2", "examine mug 1"], NOTHING),
        (
            ["go to shelf 2", "take mug 1 from shelf 1", "take mug 1 from shelf 2", "examine mug 1"],
            "This is a normal mug 1. In it, you see a fork 1.",
        ),
        ([COUNTER, TAKE_KNIFE, "examine knife 1"], "There's nothing special about knife 1."),
        ([COUNTER, TAKE_KNIFE, SLICE], "You sliced the apple 2 with the knife 1."),
        ([COUNTER, TAKE_APPLE, SLICE], NOTHING),
    ],
)  # fmt: skip
def test_replies(house, act, actions, reply):
    assert act(house, *actions)[0] == reply


def test_a_thing_behind_a_closed_door_can_be_sliced_as_in_the_original(house, act):
    reply, state = act(
        house, COUNTER, TAKE_KNIFE, "go to fridge 1", "slice apple 1 with knife 1"
    )  # fmt: skip
    assert reply == "You sliced the apple 1 with the knife 1."
    assert state.sliced == 1 << 1


@pytest.mark.parametrize(
    ("treatments", "seen"),
    [
        ((), "There's nothing special about apple 2."),
        (("heat",), "This is a hot apple 2."),
        (("cool",), "This is a cold apple 2."),
        (("clean",), "This is a clean apple 2."),
        (("heat", "clean"), "This is a hot and clean apple 2."),
        (("clean", "cool"), "This is a cool and clean apple 2."),
        (("heat", "cool"), "This is a cold apple 2."),
        (("cool", "heat"), "This is a hot apple 2."),
        (("slice",), "This is a sliced apple 2."),
        (("slice", "heat"), "This is a hot sliced apple 2."),
        (("slice", "cool"), "This is a cool sliced apple 2."),
        (("slice", "clean"), "This is a clean sliced apple 2."),
        (("slice", "clean", "heat"), "This is a hot and clean sliced apple 2."),
        (("slice", "clean", "cool"), "This is a cool and clean sliced apple 2."),
    ],
)
def test_what_was_done_to_a_thing_is_seen_in_hand(house, act, treatments, seen):
    ways = {
        "heat": ["go to microwave 1", "heat apple 2 with microwave 1"],
        "cool": ["go to fridge 1", "cool apple 2 with fridge 1"],
        "clean": ["go to sinkbasin 1", "clean apple 2 with sinkbasin 1"],
    }
    actions = [COUNTER]
    if "slice" in treatments:
        actions += [
            TAKE_KNIFE,
            SLICE,
            "move knife 1 to countertop 1",
        ]
    actions.append(TAKE_APPLE)
    for treatment in treatments:
        actions += ways.get(treatment, [])
    assert act(house, *actions, "examine apple 2")[0] == seen


def test_heat_and_cold_undo_each_other(house, act):
    heat = ["go to microwave 1", "heat apple 2 with microwave 1"]
    cool = ["go to fridge 1", "cool apple 2 with fridge 1"]
    for first, second, kept in ((heat, cool, "cool"), (cool, heat, "hot")):
        _, state = act(house, COUNTER, TAKE_APPLE, *first, *second)
        assert {name: getattr(state, name) for name in ("hot", "cool")} == {"hot": 0, "cool": 0, kept: 1}


def test_things_go_only_where_their_class_may(house, act):
    """A cabinet takes no apple here, open as it is; the microwave takes one once it is open."""
    _, state = act(house, COUNTER, TAKE_APPLE, "go to cabinet 2")
    assert act(house, "move apple 2 to cabinet 2", state=state) == (NOTHING, state)
    assert not [command for command in engine.admissible(house, state) if command.startswith("move")]
    reply, _ = act(house, "go to microwave 1", "open microwave 1", "move apple 2 to microwave 1", state=state)
    assert reply == "You move the apple 2 to the microwave 1."


def test_treating_names_the_appliance_and_ignores_its_door(house, act):
    taken = [COUNTER, TAKE_APPLE]
    assert act(house, *taken, "go to microwave 1", "heat apple 2 with microwave 1")[0] == (
        "You heat the apple 2 using the microwave 1."
    )
    assert act(house, *taken, "go to microwave 1", "move apple 2 to microwave 1")[0] == NOTHING
    assert act(house, *taken, "go to fridge 1", "heat apple 2 with fridge 1")[0] == NOTHING
    assert act(house, "go to microwave 1", "heat apple 2 with microwave 1")[0] == NOTHING


def test_what_was_moved_between_receptacles_of_one_place_lies_beside_them(house, act):
    """The original looks for what is at a location and known not to be in a receptacle there."""
    _, moved = act(house, "go to shelf 2", "take mug 1 from shelf 1", "move mug 1 to shelf 2")
    assert act(house, "look", state=moved)[0] == (
        "You are facing the shelf 2, and shelf 1. Next to it, you see a mug 1."
    )
    _, back = act(house, "take mug 1 from shelf 2", "move mug 1 to shelf 1", "look", state=moved)
    assert text.look(house, back).endswith("you see a mug 1.")  # now it is known not to be on shelf 2
    _, away = act(house, COUNTER, "look", state=back)
    assert text.look(house, away) == "You are facing the countertop 1. Next to it, you see nothing."


def test_admissible_commands(house, act):
    assert list(engine.admissible(house, house.initial)) == [*going(), "help", "inventory", "look"]
    _, state = act(house, COUNTER)
    assert list(engine.admissible(house, state)) == [
        "examine countertop 1", *going("countertop 1"), "help", "inventory", "look",
        TAKE_APPLE, TAKE_KNIFE,
    ]  # fmt: skip
    _, state = act(house, TAKE_APPLE, "go to fridge 1", "open fridge 1", state=state)
    assert list(engine.admissible(house, state)) == [
        "close fridge 1", "cool apple 2 with fridge 1", "examine apple 2", "examine fridge 1",
        *going("fridge 1"), "help", "inventory", "look", "move apple 2 to fridge 1",
    ]  # fmt: skip
    _, state = act(house, "go to shelf 1", state=state)
    assert list(engine.admissible(house, state)) == [
        "examine apple 2", "examine shelf 1", "examine shelf 2", *going("shelf 1", "shelf 2"),
        "help", "inventory", "look", "move apple 2 to shelf 1", "move apple 2 to shelf 2", "use desklamp 1",
    ]  # fmt: skip


def test_the_older_wording(make_house, act):
    game = make_house(wording="put")
    taken = [COUNTER, TAKE_APPLE]
    _, state = act(game, *taken)
    assert "put apple 2 in/on countertop 1" in engine.admissible(game, state)
    assert act(game, "put apple 2 in/on countertop 1", state=state)[0] == (
        "You put the apple 2 in/on the countertop 1."
    )
    assert act(game, "move apple 2 to countertop 1", state=state)[0] == NOTHING
    assert act(make_house(), *taken, "put apple 2 in/on countertop 1")[0] == NOTHING
    assert "put (object) in/on (receptacle):" in act(game, "help")[0]
    assert "move (object) to (receptacle):" in act(make_house(), "help")[0]


@pytest.mark.parametrize(
    "action",
    ["", " ", "\n", "LOOK", "look around", "look.", "go  to fridge 1", "go to Fridge 1", "go to",
     "go to apple 1", "go to fridge", "take", "take from", "take apple 2", "take apple 2 from",
     "take fridge 1 from fridge 1", "move apple 2 to countertop 1", "use fridge 1", "open apple 2", "examine",
     "examine apple 2", "help me", "slice apple 2 with apple 2", "heat with", "clean  with ", "\ud800",
     "\x00", "\u00e9", "go to " + "9" * 5000],
)  # fmt: skip
def test_anything_else_does_nothing(house, act, action):
    _, there = act(house, COUNTER)
    assert engine.step(house, there, action) == (NOTHING, there)


def test_blanks_around_an_action_do_not_matter(house):
    assert engine.step(house, house.initial, " \tgo to fridge 1\n") == engine.step(
        house, house.initial, "go to fridge 1"
    )


def test_every_admissible_command_is_accepted_and_no_other_is_listed_twice(house, act):
    _, state = act(house, COUNTER, TAKE_KNIFE)
    commands = engine.admissible(house, state)
    assert list(commands) == sorted(set(commands))
    assert all(engine.step(house, state, command)[0] != NOTHING for command in commands)
    assert SLICE in commands


def test_heat_goal_step_by_step(house, act):
    """3 conditions, as ALFRED counts: apple in place, apple hot, hot apple in place."""
    state, seen = house.initial, []
    heat = ("go to microwave 1", "heat apple 2 with microwave 1")
    for action in (COUNTER, TAKE_APPLE, *heat, COUNTER, "move apple 2 to countertop 1"):
        _, state = engine.step(house, state, action)
        seen.append(
            (
                engine.goal_condition_rate(house, state),
                *engine.subgoals(house, state),
                engine.won(house, state),
            )
        )
    third = pytest.approx(1 / 3)
    assert seen == [
        (third, False, False, False, False),  # an apple is in place from the start
        (0.0, True, False, False, False),
        (0.0, True, False, False, False),
        (third, True, True, False, False),
        (third, True, True, False, False),
        (1.0, False, True, True, True),
    ]


def test_two_objects_must_be_in_the_same_receptacle(make_house, act):
    game = make_house(Goal("place", "Apple", "Shelf", count=2))
    first = [
        COUNTER,
        TAKE_APPLE,
        "go to shelf 1",
        "move apple 2 to shelf 1",
    ]
    second = ["go to fridge 1", "open fridge 1", "take apple 1 from fridge 1", "go to shelf 1"]
    _, state = act(game, *first)
    assert engine.goal_condition_rate(game, state) == 0.5
    _, apart = act(game, *second, "move apple 1 to shelf 2", state=state)
    assert (engine.won(game, apart), engine.goal_condition_rate(game, apart)) == (False, 0.5)
    _, together = act(game, "take apple 1 from shelf 2", "move apple 1 to shelf 1", state=apart)
    assert (engine.won(game, together), engine.goal_condition_rate(game, together)) == (True, 1.0)


def test_light_is_won_while_holding_the_thing_where_the_lamp_that_is_on_stands(make_house, act):
    game = make_house(Goal("light", "Apple", "DeskLamp"))
    _, lit = act(game, "go to shelf 1", "use desklamp 1")
    assert engine.goal_condition_rate(game, lit) == 0.5
    _, away = act(game, COUNTER, TAKE_APPLE, state=lit)
    assert (engine.won(game, away), engine.goal_condition_rate(game, away)) == (False, 0.5)
    _, beside = act(game, "go to shelf 2", state=away)
    assert (engine.won(game, beside), engine.goal_condition_rate(game, beside)) == (True, 1.0)


def test_conditions_on_different_objects_do_not_make_a_full_score(make_house, act):
    """A sliced apple here and a hot one in place: 4 of 4 conditions, but not on one apple."""
    goal = Goal("place", "Apple", "CounterTop", needs=("hot", "sliced"), abilities=Ability.HEATABLE)
    hot, sliced = frozenset({"hot"}), frozenset({"sliced"})
    objects = (
        ObjectDraft("Apple_bar_1", "Apple", Ability.HEATABLE, ("CounterTop_bar_1",), conditions=hot),
        ObjectDraft("Apple_bar_2", "Apple", Ability.HEATABLE, ("Fridge_bar_1",), conditions=sliced),
    )  # fmt: skip
    game = make_house(goal, objects=objects)
    assert not engine.won(game, game.initial)
    assert engine.goal_condition_rate(game, game.initial) == 3.5 / 4


def test_hash_tells_states_apart_and_paths_to_the_same_state_together(house, act):
    _, one = act(house, "go to fridge 1", "open fridge 1", "go to shelf 1")
    _, other = act(house, "go to shelf 2", "look", "go to fridge 1", "open fridge 1", "go to shelf 2")
    assert engine.state_hash(house, one) == engine.state_hash(house, other)
    _, closed = act(house, "go to shelf 1")
    assert engine.state_hash(house, closed) != engine.state_hash(house, one)
    assert len({engine.state_hash(house, act(house, f"go to {name}")[1]) for name in GO}) == len(GO) - 1


def test_what_may_not_stand_there_is_refused_when_building(make_house):
    with pytest.raises(UsageError, match="'apple_bar_1' is used 2 times"):
        make_house(objects=[ObjectDraft("Apple_bar_1", "Apple", Ability.PICKUPABLE)] * 2)
    with pytest.raises(UsageError, match="in 'Nowhere', which is not a receptacle"):
        make_house(objects=[ObjectDraft("Apple_bar_1", "Apple", Ability.PICKUPABLE, ("Nowhere",))])
    held = [ObjectDraft(f"Apple_bar_{i}", "Apple", Ability.PICKUPABLE, held=True) for i in range(2)]
    with pytest.raises(UsageError, match="2 objects in hand"):
        make_house(objects=held)
