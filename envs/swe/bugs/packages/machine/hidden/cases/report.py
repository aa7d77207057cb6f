"""Hidden cases of machine: report."""

from cases.shared import DELAYS, GUARDED, QUEUE, RAISING, TREE, nested
from machine import dead_ends, load, reachable, to_dot

REPORTED = [
    TREE,
    GUARDED,
    QUEUE,
    DELAYS,
    RAISING,
    nested("none"),
    {
        "initial": "hall",
        "states": {
            "hall": {"on": {"up": "attic", "in": {"target": "room", "guard": "key"}}},
            "room": {
                "initial": "door",
                "states": {"door": {"on": {"sit": "chair"}}, "chair": {}, "bed": {"on": {"fly": "cellar"}}},
            },
            "attic": {"on": {"look": {"actions": "look"}, "again": "attic"}, "after": {"1": "attic"}},
            "cellar": {"after": {"1.5": "hall"}},
        },
    },
    {
        "initial": "a",
        "states": {
            "a": {"initial": "b", "on": {"x": "c"}, "states": {"b": {"on": {"y": "b"}}, "c": {}}},
            "d": {"initial": "e", "states": {"e": {"initial": "f", "states": {"f": {}, "g": {}}}}},
        },
    },
    {
        "initial": "a",
        "states": {
            "a": {"on": {"x": "g"}},
            "d": {"initial": "e", "states": {"e": {}, "g": {}}, "on": {"u": "d"}},
        },
    },
    {
        "initial": 'say "x"',
        "states": {'say "x"': {"on": {"back\\slash": 'say "x"'}, "after": {"2.50": None, "1e3": None}}},
    },
    {
        "initial": "a",
        "states": {"a": {"after": {"1": "b"}}, "b": {"after": {"1": {"target": "b", "guard": "never"}}}},
    },
]


def case_reachable():
    return [reachable(load(data)) for data in REPORTED]


def case_dead_ends():
    return [dead_ends(load(data)) for data in REPORTED]


def case_pictures():
    return [to_dot(load(data)).splitlines() for data in REPORTED]
