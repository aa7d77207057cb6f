"""Hidden cases of machine: failures."""

from cases.shared import RAISING, noting, played, sender
from judging import tried, unordered
from machine import Machine, load


def raiser(machine, event):
    machine.context["list"].append(event)
    machine.send("later")
    raise KeyError(event)


def case_actions_that_raise():
    found = []
    for where in ("leave", "quit", "way", "enter", "note"):
        machine, notes = noting(RAISING, {"list": [], "ok": True}, special={where: raiser})
        context = machine.context
        found.append(
            played(machine, notes, ["note", "go", "c", "note", "go", "back", 1, 2, 3, "go", "later"])
        )
        found.append([machine.context, context == {"list": [], "ok": True}])
    return found


def case_snapshots_after_actions_that_raised():
    found = []
    for where in ("leave", "quit", "way", "enter"):
        machine, _ = noting(RAISING, {"list": [], "ok": True}, special={where: raiser})
        for event in ("c", "go", "back", "go"):
            found.append([tried(machine.send, event), unordered(machine.snapshot())])
    return found


def case_actions_that_raise_after_others():
    def once(machine, event):
        machine.context["list"].append(event)
        if len(machine.context["list"]) == 2:
            raise ValueError("enough")

    machine, notes = noting(
        RAISING, {"list": []}, special={"note": sender("go", "back", "note2", "go", "back"), "way": once}
    )
    found = played(machine, notes, ["note", "later", "back"])
    return [found, machine.context, tried(machine.send, "go"), machine.context]


def case_guards_that_raise():
    def guard(context, event):
        context["list"].append(event)
        if context["broken"]:
            raise LookupError(event)
        return len(context["list"]) > 1

    data = {
        "initial": "a",
        "states": {
            "a": {"on": {"go": {"target": "b", "guard": "g"}}, "after": {"3": {"target": "b", "guard": "g"}}},
            "b": {},
        },
    }
    found = []
    for broken in (True, False):
        machine = Machine(load(data), guards={"g": guard}, context={"list": [], "broken": broken})
        for event in ("go", 2, 2, 2, "go", 1):
            answer = tried(machine.send if event == "go" else machine.advance, event)
            found.append([answer, list(machine.path), machine.now, list(machine.context["list"])])
        machine.context["broken"] = False
        found.append([tried(machine.advance, 10), machine.path, machine.now])
    return found


def case_the_exception_arrives():
    def broken(machine, event):
        raise KeyError(event)

    machine = Machine(
        load({"initial": "a", "states": {"a": {"on": {"go": {"target": "a", "actions": ["broken"]}}}}}),
        actions={"broken": broken},
    )
    return [tried(machine.send, "go"), tried(machine.send, "go"), tried(machine.send, "x"), machine.path]
