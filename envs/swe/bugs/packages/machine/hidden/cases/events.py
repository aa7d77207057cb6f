"""Hidden cases of machine: events."""

from cases.shared import GUARDED, QUEUE, TREE, logs, noting, played, sender
from judging import tried
from machine import Machine, load


def case_transitions_in_a_tree():
    walks = [
        ["next", "e", "d", "next"],
        ["self", "self_b", "up"],
        ["inner", "inner", "e", "inner"],
        ["outer", "outer", "e", "outer"],
        ["far", "home", "next", "far", "x", "back"],
        ["note", "next", "note", "nothing", "e"],
        ["deepest", "deepest", "next", "y", "e", "up"],
        ["next", "side", "side", "side2", "c", "up", "e", "up"],
        ["odd", "x", "x", "y", "far"],
        ["next", "up", "e", "side", "d", "self"],
    ]
    return [played(*noting(TREE), walk) for walk in walks]


def case_answers_of_send():
    machine, _ = noting(TREE)
    return [machine.send(event) for event in ("nothing", "next", "next", "note", "*", "", "far", "far", "x")]


def case_is_in():
    machine, _ = noting(TREE)
    found = []
    for event in (None, "deepest", "far"):
        if event:
            machine.send(event)
        found.append(
            [tried(machine.is_in, name) for name in ("a", "b", "c", "d", "e", "y", "z", "x", "w", "")]
        )
    return found


def case_guards():
    found = []
    for agreed in (
        [],
        ["one"],
        ["two"],
        ["three"],
        ["one", "two"],
        ["two", "three"],
        ["one", "two", "three"],
    ):
        context = dict.fromkeys(agreed, True)
        for walk in (
            ["go", "back", "go"],
            ["stay", "go"],
            ["what", "back", "hm"],
            ["go", "go", "what", "back"],
        ):
            found.append(played(*noting(GUARDED, context), walk))
    return found


def case_guards_see_the_context_of_now():
    def toggle(machine, event):
        machine.context["one"] = not machine.context.get("one")

    machine, notes = noting(GUARDED, {"one": True}, special={"stayed": toggle})
    return played(machine, notes, ["stay", "go", "stay", "back"])


def case_events_of_actions():
    found = []
    for special in (
        {"way": sender("one")},
        {"out": sender("one"), "way": sender("two"), "in": sender("three")},
        {"way": sender("one", "three", "nothing")},
        {"in": sender("one")},
        {"out": sender("one"), "in": sender("two")},
        {"way": sender("nothing", "nothing", "two")},
    ):
        machine, notes = noting(QUEUE, special=special)
        found.append([played(machine, notes, ["note", "go"]), machine.context])
        found.append(played(machine, notes, ["one"]))
    return found


def case_entry_actions_at_the_beginning():
    data = {
        "initial": "a",
        "states": {
            "a": {
                **logs("a"),
                "initial": "b",
                "states": {"b": {**logs("b"), "on": {"go": "c"}}, "c": logs("c")},
            },
        },
    }
    machine, notes = noting(data, special={"+a": sender("go", "nothing")})
    return [notes, machine.path, machine.context, tried(machine.snapshot), machine.send("go")]


def case_names_that_are_not_given():
    def made(states, **named):
        return tried(lambda: Machine(load({"initial": "a", "states": states}), **named).path)

    def nothing(machine, event):
        return None

    return [
        made({"a": {}}),
        made({"a": {"entry": ["x"]}}),
        made({"a": {"exit": ["x"]}}, actions={"x": nothing}),
        made({"a": {"exit": ["x", "y"]}}, actions={"x": nothing}),
        made({"a": {"on": {"e": {"guard": "g"}}}}),
        made({"a": {"on": {"e": {"guard": "g"}}}}, guards={"g": nothing}),
        made({"a": {"on": {"e": {"guard": "g"}}}}, actions={"g": nothing}),
        made({"a": {"on": {"e": {"actions": "x"}}}}, guards={"x": nothing}),
        made({"a": {"after": {"1": {"actions": "x"}}}}),
        made({"a": {"after": {"1": {"guard": "x"}}}}),
        made({"a": {}, "b": {"on": {"e": [{"target": "a"}, {"actions": ["x"]}]}}}),
    ]
