"""Hidden cases of machine: loading."""

from cases.shared import DELAYS, GUARDED, QUEUE, RAISING, TREE, described, nested
from judging import tried
from machine import load

BROKEN = [
    {},
    {"initial": "a"},
    {"states": {"a": {}}},
    {"initial": "a", "states": {}},
    {"initial": "a", "states": {"a": {}}, "more": 1},
    {"initial": "b", "states": {"a": {}}},
    {"initial": "b", "states": {"a": {"initial": "b", "states": {"b": {}}}}},
    {"initial": "a", "states": {"a": {"states": {"b": {}}}}},
    {"initial": "a", "states": {"a": {"initial": "c", "states": {"b": {}}}}},
    {
        "initial": "a",
        "states": {"a": {"initial": "c", "states": {"b": {"initial": "c", "states": {"c": {}}}}}},
    },
    {"initial": "a", "states": {"a": {"initial": "b"}, "b": {}}},
    {"initial": "a", "states": {"a": {"initial": "b", "states": {"b": {}}}, "b": {}}},
    {"initial": "a", "states": {"a": {"initial": "a", "states": {"a": {}}}}},
    {"initial": "a", "states": {"a": {"on": {"x": "nowhere"}}}},
    {"initial": "a", "states": {"a": {"on": {"x": ["a", "nowhere"]}}}},
    {"initial": "a", "states": {"a": {"on": {"x": None, "y": [None, "a"], "z": ("a",)}}}},
    {"initial": "a", "states": {"a": {"after": {"1": "nowhere"}}}},
    {"initial": "a", "states": {"a": {"after": {"0": "a"}}}},
    {"initial": "a", "states": {"a": {"after": {"-1": "a"}}}},
    {"initial": "a", "states": {"a": {"after": {"nan": "a"}}}},
    {"initial": "a", "states": {"a": {"after": {"inf": "a"}}}},
    {"initial": "a", "states": {"a": {"after": {"soon": "a"}}}},
    {"initial": "a", "states": {"a": {"after": {"0.001": "a", "1": "a"}}}},
    {"initial": "a", "states": {"a": {"after": {1: "a", 2.5: "a"}}}},
    {"initial": "a", "states": {"a": {"history": "long", "initial": "b", "states": {"b": {}}}}},
    {"initial": "a", "states": {"a": {"history": "deep"}}},
    {"initial": "a", "states": {"a": {"history": "none"}}},
    {"initial": "a", "states": {"a": {"history": "shallow", "initial": "b", "states": {"b": {}}}}},
    {"initial": "a", "states": {"a": {"enter": "x"}}},
    {"initial": "a", "states": {"a": {"on": {"x": {"to": "a"}}}}},
    {"initial": "a", "states": {"a": {"on": {"x": {}}}}},
]


def case_definitions():
    good = [TREE, GUARDED, QUEUE, DELAYS, RAISING, nested("deep")]
    return [tried(lambda data=data: described(load(data))) for data in BROKEN + good]
