from __future__ import annotations

from itertools import pairwise

import pytest

from turnwise.envs.household.catalogue import HOLDS, LAMPS, LIKELY, OBJECT_CLASSES, STATIONARY, abilities
from turnwise.envs.household.draws import Draws
from turnwise.envs.household.furniture import FIXTURES, THINGS
from turnwise.envs.household.game import Ability
from turnwise.envs.household.rooms import DIFFICULTIES, ROOMS, SPLITS, layout_key, layouts, split_of
from turnwise.errors import UnknownName

EVERY = [(room, difficulty) for room in ROOMS for difficulty in DIFFICULTIES]


def test_draws_are_the_same_everywhere() -> None:
    draws = Draws("hello")
    # Written down once: the promise is that these never change.
    assert [draws.below(1000) for _ in range(6)] == [201, 957, 398, 878, 721, 871]
    assert draws.shuffled("abcdefg") == list("gbfcead")
    assert [draws.weighted("xyz", (1, 0, 3)) for _ in range(8)] == list("zxzzzzzz")


def test_weighted_draws_follow_the_weights() -> None:
    draws = Draws("weights")
    drawn = [draws.weighted("ab", (1, 3)) for _ in range(4000)]
    assert 900 < drawn.count("a") < 1100


def test_a_choice_without_weight_is_refused() -> None:
    with pytest.raises(ValueError, match="positive"):
        Draws("none").weighted("ab", (0, 0))


def test_every_likely_place_takes_the_thing() -> None:
    assert all(name in HOLDS[place] for name, places in LIKELY.items() for place in places)
    assert set(LIKELY) == set(OBJECT_CLASSES) - STATIONARY


def test_every_class_in_a_room_exists() -> None:
    assert all(set(things) <= set(LIKELY) for things in THINGS.values())
    assert all(name in STATIONARY for fixtures in FIXTURES.values() for name, *_ in fixtures)


def test_what_stands_fast_cannot_be_taken() -> None:
    for name in OBJECT_CLASSES:
        assert (Ability.PICKUPABLE in abilities(name)) == (name not in STATIONARY)
        assert (Ability.TOGGLEABLE in abilities(name)) == (name in LAMPS)


@pytest.mark.parametrize(("room", "difficulty"), EVERY)
def test_no_two_splits_share_furniture(room: str, difficulty: str) -> None:
    keys = {split: {layout.key for layout in layouts(room, difficulty, split)} for split in SPLITS}
    assert keys["train"] == keys["seen"]
    assert not keys["train"] & keys["unseen"]
    assert not keys["train"] & keys["test"]
    assert not keys["unseen"] & keys["test"]
    assert all(split_of(key) == split for split in ("train", "unseen", "test") for key in keys[split])


def test_the_key_is_of_the_furniture_alone() -> None:
    assert layout_key(["Bed", "Desk", "Bed"]) == layout_key(["Desk", "Bed", "Bed"])
    assert layout_key(["Bed", "Desk"]) == layout_key(["bed", "desk"])
    assert layout_key(["Bed", "Desk"]) != layout_key(["Bed", "Desk", "Bed"])
    for layout in layouts("bedroom", "full", "test"):
        assert layout.key == layout_key(r.type for r in layout.receptacles)


@pytest.mark.parametrize(("room", "difficulty"), EVERY)
def test_rooms_have_their_size_and_what_the_tasks_need(room: str, difficulty: str) -> None:
    least, most = {"small": (6, 9), "medium": (10, 16), "full": (13, 40)}[difficulty]
    needed = {
        "kitchen": {"Fridge", "Microwave", "SinkBasin", "CounterTop"},
        "livingroom": {"Sofa", "SideTable"},
        "bedroom": {"Bed", "Desk"},
        "bathroom": {"SinkBasin", "Toilet"},
    }[room]
    for split in SPLITS:
        for layout in layouts(room, difficulty, split):
            assert least <= len(layout.receptacles) <= most
            assert needed <= {r.type for r in layout.receptacles}
            if room in ("livingroom", "bedroom"):
                assert any(fixture.type in LAMPS for fixture in layout.fixtures)


@pytest.mark.parametrize(("room", "difficulty"), EVERY)
def test_locations_are_numbered_without_gaps(room: str, difficulty: str) -> None:
    for layout in layouts(room, difficulty, "train"):
        spots = [r.location for r in layout.receptacles]
        assert spots[0] == 0
        assert all(b - a in (0, 1) for a, b in pairwise(spots))
        assert layout.num_locations == spots[-1] + 1
        if difficulty == "small":
            assert len(set(spots)) == len(spots)


def test_some_full_rooms_share_locations_and_some_cabinets_have_no_door() -> None:
    receptacles = [layout.receptacles for layout in layouts("kitchen", "full", "train")]
    assert any(len({r.location for r in room}) < len(room) for room in receptacles)
    assert {r.openable for room in receptacles for r in room if r.type == "Cabinet"} == {True, False}


@pytest.mark.parametrize("given", [("garage", "full", "train"), ("kitchen", "huge", "train")])
def test_unknown_rooms_are_named(given: tuple[str, str, str]) -> None:
    with pytest.raises(UnknownName, match=r"unknown (room|difficulty)"):
        layouts(*given)


def test_unknown_split_is_named() -> None:
    with pytest.raises(UnknownName, match="did you mean 'train'"):
        layouts("kitchen", "full", "trian")
