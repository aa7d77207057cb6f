"""Hidden cases of machine: snapshots."""

import json

from cases.shared import DELAYS, nested, noting, played
from judging import unordered
from machine import Machine, load


def case_snapshots():
    found = []
    for walk in (["c", 0.5], [3.5], ["z", 0.25], [], ["b", 3, "b", 2]):
        machine, notes = noting(DELAYS, {"ok": True, "list": [1]})
        played(machine, notes, walk)
        data = machine.snapshot()
        found.append([unordered(data), json.loads(json.dumps(data)) == data])
    return found


def restored(data, definition, notes):
    names = ["+a", "-a", "ten", "four", "b four", "refused", "c"]
    actions = {
        name: lambda machine, event, name=name: notes.append([name, event, list(machine.path)])
        for name in names
    }
    return Machine.restore(data, load(definition), {"ok": lambda context, event: context["ok"]}, actions)


def case_restored_machines_go_on():
    found = []
    for walk in (["c", 0.5], [3.5], ["z", 0.25], [], [1, "b", 1]):
        machine, notes = noting(DELAYS, {"ok": True})
        played(machine, notes, walk)
        others = []
        other = restored(json.loads(json.dumps(machine.snapshot())), DELAYS, others)
        found.append([others[:], other.path, other.now, other.context])
        found.append(played(other, others, [0.5, 0.5, 1, "b", 2, 2, "self", 5, "z", 0.5]))
    return found


def case_snapshots_share_nothing():
    context = {"list": [1], "deep": {"list": [2]}}
    definition = {"initial": "a", "states": {"a": {"on": {"go": "b"}}, "b": {}}}
    machine = Machine(load(definition), context=context)
    context["list"].append("outside")
    context["deep"]["list"].append("outside")
    found = [json.dumps(machine.context)]
    data = machine.snapshot()
    machine.context["deep"]["list"].append("later")
    machine.send("go")
    found.append(json.dumps(data))
    first = Machine.restore(data, load(definition))
    second = Machine.restore(data, load(definition))
    first.context["list"].append("first")
    second.context["deep"]["list"].append("second")
    return [
        *found,
        json.dumps(data),
        json.dumps([first.context, second.context, machine.context]),
        first.path,
    ]


def case_history_in_snapshots():
    found = []
    for kind in ("shallow", "deep"):
        machine, notes = noting(nested(kind, "deep"))
        played(machine, notes, ["on", "n", "2", "y", "off"])
        data = machine.snapshot()
        machine.send("on")
        machine.send("m")
        machine.send("off")
        quiet = {name: (lambda machine, event: None) for name in ("+top", "-top", "+n", "-n", "+n2", "-n2")}
        other = Machine.restore(data, load(nested(kind, "deep")), actions=quiet)
        before = [list(other.path), other.send("on"), list(other.path)]
        other.send("m")
        later = list(other.path)
        other.send("off")
        data_after = json.dumps(data)
        other.send("on")
        found.append([before, later, other.path, data_after])
    return found
