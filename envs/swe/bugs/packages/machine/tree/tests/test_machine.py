import pytest
from machine import Machine, MachineError, load

PLAYER = {
    "initial": "off",
    "states": {
        "off": {"on": {"power": "on"}},
        "on": {
            "initial": "stopped",
            "history": "shallow",
            "on": {"power": "off", "reset": "stopped"},
            "states": {
                "stopped": {"on": {"play": {"target": "playing", "guard": "disc"}}},
                "playing": {"on": {"stop": "stopped", "pause": "paused"}, "after": {"60": "stopped"}},
                "paused": {"on": {"play": "playing", "power": "off", "*": "stopped"}},
            },
        },
    },
}


def player(**context):
    guards = {"disc": lambda context, event: context.get("disc", True)}
    return Machine(load(PLAYER), guards=guards, context=context)


def logged(states, initial="a"):
    """Return a machine whose actions note their name and the path, and the notes."""
    notes = []
    definition = load({"initial": initial, "states": states})
    names = set()
    for state in definition.states.values():
        names.update(state.entry, state.exit)
        for transition in definition.transitions(state):
            names.update(transition.actions)

    def noting(name):
        return lambda machine, event: notes.append((name, list(machine.path)))

    machine = Machine(definition, actions={name: noting(name) for name in names})
    notes.clear()
    return machine, notes


def test_begins_in_the_initial_leaf():
    assert player().path == ["off"]


def test_enters_the_initial_child():
    machine = player()
    assert machine.send("power")
    assert machine.path == ["on", "stopped"]


def test_an_event_nobody_takes():
    machine = player()
    assert not machine.send("play")
    assert machine.path == ["off"]


def test_a_guard_refuses():
    machine = player(disc=False)
    machine.send("power")
    assert not machine.send("play")
    assert machine.path == ["on", "stopped"]


def test_a_parent_answers():
    machine = player()
    for event in ("power", "play", "power"):
        assert machine.send(event)
    assert machine.path == ["off"]


def test_history_comes_back():
    machine = player()
    for event in ("power", "play", "pause", "power", "power"):
        machine.send(event)
    assert machine.path == ["on", "paused"]


def test_any_other_event():
    machine = player()
    for event in ("power", "play", "pause", "whatever"):
        machine.send(event)
    assert machine.path == ["on", "stopped"]


def test_is_in():
    machine = player()
    machine.send("power")
    assert machine.is_in("on") and machine.is_in("stopped") and not machine.is_in("off")
    with pytest.raises(MachineError):
        machine.is_in("nowhere")


def test_order_of_actions():
    machine, notes = logged(
        {
            "a": {
                "initial": "b",
                "exit": ["leave a"],
                "states": {"b": {"exit": ["leave b"], "on": {"go": {"target": "d", "actions": ["way"]}}}},
            },
            "c": {"entry": ["enter c"], "initial": "d", "states": {"d": {"entry": ["enter d"]}}},
        }
    )
    machine.send("go")
    assert notes == [
        ("leave b", ["a", "b"]),
        ("leave a", ["a"]),
        ("way", []),
        ("enter c", ["c"]),
        ("enter d", ["c", "d"]),
    ]


def test_a_transition_to_itself():
    machine, notes = logged({"a": {"entry": "in", "exit": "out", "on": {"again": "a"}}})
    machine.send("again")
    assert [name for name, _ in notes] == ["out", "in"]


def test_a_transition_without_a_target():
    machine, notes = logged({"a": {"entry": "in", "exit": "out", "on": {"note": {"actions": "say"}}}})
    assert machine.send("note")
    assert [name for name, _ in notes] == ["say"]


def test_events_of_actions_wait():
    seen = []

    def first(machine, event):
        assert machine.send("second")
        seen.append(list(machine.path))

    definition = load(
        {
            "initial": "a",
            "states": {
                "a": {"on": {"first": {"target": "b", "actions": "send"}}},
                "b": {"on": {"second": "c"}},
                "c": {},
            },
        }
    )
    machine = Machine(definition, actions={"send": first})
    machine.send("first")
    assert seen == [[]]
    assert machine.path == ["c"]


def test_an_action_that_raises():
    def broken(machine, event):
        machine.context["count"] += 1
        raise KeyError("broken")

    definition = load(
        {"initial": "a", "states": {"a": {"on": {"go": {"target": "b", "actions": "broken"}}}, "b": {}}}
    )
    machine = Machine(definition, actions={"broken": broken}, context={"count": 0})
    with pytest.raises(KeyError):
        machine.send("go")
    assert machine.path == ["a"]
    assert machine.context == {"count": 0}


def test_what_is_not_given():
    with pytest.raises(MachineError):
        Machine(load(PLAYER))
