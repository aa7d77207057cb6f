import pytest
from machine import DefinitionError, dead_ends, load, reachable, to_dot

HOUSE = {
    "initial": "hall",
    "states": {
        "hall": {"on": {"up": "attic", "in": {"target": "room", "guard": "key"}}},
        "room": {
            "initial": "door",
            "on": {"out": "hall"},
            "states": {"door": {"on": {"sit": "chair"}}, "chair": {}},
        },
        "attic": {"on": {"look": {"actions": "look"}}},
        "cellar": {"after": {"1.5": "hall"}},
    },
}


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"initial": "a", "states": {}},
        {"initial": "b", "states": {"a": {}}},
        {"initial": "b", "states": {"a": {"initial": "b", "states": {"b": {}}}}},
        {"initial": "a", "states": {"a": {"states": {"b": {}}}}},
        {"initial": "a", "states": {"a": {"initial": "b", "states": {"b": {}}}, "b": {}}},
        {"initial": "a", "states": {"a": {"on": {"x": "nowhere"}}}},
        {"initial": "a", "states": {"a": {"after": {"0": "a"}}}},
        {"initial": "a", "states": {"a": {"after": {"soon": "a"}}}},
        {"initial": "a", "states": {"a": {"history": "long", "initial": "b", "states": {"b": {}}}}},
        {"initial": "a", "states": {"a": {"history": "deep"}}},
        {"initial": "a", "states": {"a": {"enter": "x"}}},
        {"initial": "a", "states": {"a": {"on": {"x": {"to": "a"}}}}},
    ],
)
def test_what_is_refused(data):
    with pytest.raises(DefinitionError):
        load(data)


def test_paths():
    definition = load(HOUSE)
    assert definition.path("chair") == ["room", "chair"]
    assert definition.common("chair", "door") == "room"
    assert definition.common("chair", "hall") is None


def test_reachable():
    assert reachable(load(HOUSE)) == ["attic", "chair", "door", "hall", "room"]


def test_dead_ends():
    assert dead_ends(load(HOUSE)) == ["attic"]


def test_picture():
    lines = to_dot(load(HOUSE)).splitlines()
    assert lines[0] == "digraph machine {"
    assert '  subgraph "cluster_room" {' in lines
    assert '  "hall" -> "room" [label="in [key]"];' in lines
    assert '  "cellar" -> "hall" [label="after 1.5"];' in lines
