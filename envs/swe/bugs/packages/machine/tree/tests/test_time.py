import json

import pytest
from machine import Machine, MachineError, load

LAMP = {
    "initial": "red",
    "states": {
        "red": {"after": {"30": "green"}},
        "green": {"on": {"call": "yellow"}, "after": {"20": {"target": "yellow", "guard": "calm"}}},
        "yellow": {"after": {"3": "red"}},
    },
}


def lamp(calm=True):
    return Machine(
        load(LAMP), guards={"calm": lambda context, event: context["calm"]}, context={"calm": calm}
    )


def test_delays_lead_on():
    machine = lamp()
    assert machine.advance(29) == 0
    assert machine.path == ["red"]
    assert machine.advance(1) == 1
    assert machine.path == ["green"]


def test_several_delays_in_one_go():
    machine = lamp()
    assert machine.advance(30 + 20 + 3 + 5) == 3
    assert machine.path == ["red"]
    assert machine.advance(25) == 1


def test_leaving_ends_a_delay():
    machine = lamp()
    machine.advance(35)
    machine.send("call")
    machine.advance(3)
    assert machine.path == ["red"]
    machine.advance(20)
    assert machine.path == ["red"]


def test_a_guard_refuses_a_delay():
    machine = lamp(calm=False)
    assert machine.advance(1000) == 1
    assert machine.path == ["green"]


def test_time_does_not_go_back():
    with pytest.raises(MachineError):
        lamp().advance(-1)


def test_a_snapshot_goes_on():
    machine = lamp()
    machine.advance(40)
    data = json.loads(json.dumps(machine.snapshot()))
    other = Machine.restore(data, load(LAMP), guards={"calm": lambda context, event: True})
    assert other.path == ["green"]
    assert other.now == 40
    other.advance(10)
    assert other.path == ["yellow"]
    assert machine.path == ["green"]
