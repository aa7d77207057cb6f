"""What the package answers to many inputs; no expected value is written here."""

import json

from judging import tried, unordered
from machine import Definition, Machine, State, Transition, dead_ends, load, reachable, to_dot


def noting(data, context=None, guards=(), special=None):
    """Return a machine whose actions and guards note what happens, and the notes."""
    notes = []
    definition = load(data)
    names, wanted = set(), set()
    for state in definition.states.values():
        names.update(state.entry, state.exit)
        for transition in definition.transitions(state):
            names.update(transition.actions)
            wanted.add(transition.guard)

    def action(name):
        def act(machine, event):
            notes.append([name, event, list(machine.path)])
            if special and name in special:
                special[name](machine, event)

        return act

    def guard(name):
        def agree(context, event):
            notes.append(["?" + name, event])
            return context.get(name, False)

        return agree

    machine = Machine(
        definition,
        actions={name: action(name) for name in names},
        guards={name: guard(name) for name in wanted if name is not None},
        context=context,
    )
    return machine, notes


def played(machine, notes, events):
    """Return what each event answered, the path after it, and what was noted meanwhile."""
    found = [[list(notes), list(machine.path)]]
    for event in events:
        notes.clear()
        if isinstance(event, (int, float)):
            answer = tried(machine.advance, event)
        else:
            answer = tried(machine.send, event)
        found.append([event, answer, list(machine.path), list(notes), machine.now])
    return found


def logs(name):
    return {"entry": ["+" + name], "exit": ["-" + name]}


TREE = {
    "initial": "a",
    "states": {
        "a": {
            **logs("a"),
            "initial": "b",
            "on": {
                "self": "a",
                "inner": {"target": "c", "internal": True, "actions": ["inner"]},
                "outer": {"target": "c", "actions": ["outer"]},
                "far": "z",
                "note": {"actions": ["note", "twice"]},
                "deepest": "e",
            },
            "states": {
                "b": {
                    **logs("b"),
                    "on": {
                        "next": "c",
                        "self_b": "b",
                        "far": "y",
                        "up": "a",
                        "odd": {"target": "y", "internal": True},
                    },
                },
                "c": {
                    **logs("c"),
                    "initial": "d",
                    "on": {"next": "b", "side": {"target": "e", "internal": True}, "side2": "e", "c": "c"},
                    "states": {
                        "d": {**logs("d"), "on": {"e": "e", "up": {"target": "c", "internal": True}}},
                        "e": {**logs("e"), "on": {"d": "d", "next": "z", "up": "a"}},
                    },
                },
            },
        },
        "y": {
            **logs("y"),
            "initial": "z",
            "states": {
                "z": {**logs("z"), "on": {"home": "a", "e": "e", "y": "y"}},
                "x": {"on": {"back": "b"}},
            },
            "on": {"x": "x"},
        },
    },
}


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


GUARDED = {
    "initial": "p",
    "states": {
        "p": {
            "initial": "q",
            "on": {"go": [{"target": "r", "guard": "two"}, {"target": "s", "actions": ["last"]}], "*": "t"},
            "states": {
                "q": {
                    "on": {
                        "go": [{"target": "s", "guard": "one"}, {"target": "t", "guard": "three"}],
                        "*": {"target": "r", "guard": "one"},
                        "stay": {"guard": "one", "actions": ["stayed"]},
                    }
                },
                "r": {"on": {"back": "q", "*": {"actions": ["any"]}}},
                "s": {"on": {"back": "q", "go": []}},
            },
        },
        "t": {"on": {"back": "p"}},
    },
}


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


def nested(history, inner="none"):
    return {
        "initial": "off",
        "states": {
            "off": {"on": {"on": "top", "hop": "n2"}},
            "top": {
                **logs("top"),
                "initial": "m",
                "history": history,
                "on": {"off": "off", "self": "top", "in": {"target": "m", "internal": True}},
                "states": {
                    "m": {"on": {"n": "n"}},
                    "n": {
                        **logs("n"),
                        "initial": "n1",
                        "history": inner,
                        "on": {"m": "m", "n": "n"},
                        "states": {
                            "n1": {"on": {"2": "n2"}},
                            "n2": {
                                **logs("n2"),
                                "initial": "x",
                                "on": {"1": "n1"},
                                "states": {"x": {"on": {"y": "y"}}, "y": {}},
                            },
                        },
                    },
                },
            },
        },
    }


def case_history():
    walks = [
        ["on", "off", "on"],
        ["on", "n", "off", "on", "2", "off", "on"],
        ["on", "n", "2", "y", "off", "on", "1", "off", "on"],
        ["on", "n", "2", "y", "m", "n"],
        ["on", "n", "2", "y", "self"],
        ["on", "n", "2", "n", "n"],
        ["on", "n", "2", "in", "off", "on"],
        ["on", "n", "in", "n", "2", "m", "off", "on", "n"],
        ["hop", "y", "off", "hop", "off", "on"],
        ["on", "n", "2", "y", "off", "hop", "m", "off", "on", "n"],
    ]
    kinds = [(one, two) for one in ("none", "shallow", "deep") for two in ("none", "shallow", "deep")]
    return [
        [[row[2] for row in played(*noting(nested(*kind)), walk)[1:]] for walk in walks] for kind in kinds
    ]


def case_history_and_actions():
    return [
        played(*noting(nested(kind, "shallow")), ["on", "n", "2", "y", "off", "on", "m", "n", "self"])
        for kind in ("none", "shallow", "deep")
    ]


QUEUE = {
    "initial": "a",
    "states": {
        "a": {
            "exit": ["out"],
            "on": {"go": {"target": "b", "actions": ["way"]}, "one": "c", "note": {"actions": "way"}},
        },
        "b": {"entry": ["in"], "on": {"one": "c", "two": "a", "three": "b"}},
        "c": {"on": {"one": "a", "two": {"target": "b", "actions": ["way"]}, "three": "a"}},
    },
}


def sender(*events):
    def send(machine, event):
        for one in events:
            machine.context.setdefault("answers", []).append(machine.send(one))

    return send


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


def raiser(machine, event):
    machine.context["list"].append(event)
    machine.send("later")
    raise KeyError(event)


RAISING = {
    "initial": "a",
    "states": {
        "a": {
            "initial": "b",
            "history": "deep",
            "exit": ["leave"],
            "after": {"5": "d"},
            "states": {"b": {"on": {"c": "c"}, "after": {"2": "c"}}, "c": {"exit": ["quit"]}},
            "on": {"go": {"target": "d", "actions": ["way"]}, "later": "d", "note": {"actions": ["note"]}},
        },
        "d": {
            "entry": ["enter"],
            "on": {"back": "a", "later": "a"},
            "after": {"1": {"target": "a", "guard": "ok"}},
        },
    },
}


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


DELAYS = {
    "initial": "a",
    "states": {
        "a": {
            **logs("a"),
            "initial": "b",
            "after": {"10": {"target": "z", "actions": ["ten"]}, "4": {"actions": ["four"]}},
            "on": {"self": "a", "z": "z"},
            "states": {
                "b": {"after": {"3": "c", "4": {"actions": ["b four"]}}, "on": {"b": "b", "c": "c"}},
                "c": {
                    "after": {
                        "1": [{"target": "b", "guard": "ok"}, {"actions": ["refused"]}],
                        "2.5": {"actions": "c"},
                    },
                    "on": {"b": "b"},
                },
            },
        },
        "z": {"after": {"0.5": "a"}, "on": {"a": "a"}},
    },
}


def case_delays():
    walks = [
        [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1],
        [3, "b", 4, "self", 4],
        [2.5, 0.5, 0, 0.25],
        [100],
        ["c", 2, 0.5, 0.5, 7, 0.4, 0.1],
        [9, "b", 1, 0.5, 2.9],
        ["z", 0.25, "a", 0.25, 3.5, -1, -0.001, 0],
        [2, "b", 2, 0.5, 0.5],
        ["b", "b", "c", "b", 3.999, 0.001],
    ]
    return [played(*noting(DELAYS, {"ok": ok}), walk) for ok in (False, True) for walk in walks]


def case_delays_due_together():
    data = {
        "initial": "a",
        "states": {
            "a": {
                "initial": "b",
                "after": {"2": [{"actions": "a1"}, {"actions": "a2"}], "1": {"actions": "a0"}},
                "states": {
                    "b": {
                        "initial": "c",
                        "after": {"2.0": {"actions": "b1"}, "1": {"actions": "b0"}},
                        "states": {
                            "c": {"after": {"2": {"actions": "c1"}, "1": {"target": "d"}}},
                            "d": {"after": {"1": {"actions": "d"}}},
                        },
                    }
                },
            }
        },
    }
    return [played(*noting(data), walk) for walk in ([1, 1], [2], [5], [0.5, 0.5, 0.5, 0.5])]


def case_delays_and_events():
    def answer(machine, event):
        return tried(machine.advance, 1)

    data = {
        "initial": "a",
        "states": {
            "a": {"after": {"1": {"target": "b", "actions": ["send"]}}, "on": {"x": "c"}},
            "b": {"on": {"x": "c"}, "after": {"1": "a"}},
            "c": {"after": {"1": "a"}},
        },
    }
    found = []
    for special in ({"send": sender("x")}, {"send": sender("x", "x")}):
        machine, notes = noting(data, special=special)
        found.append(played(machine, notes, [1, 1, 1, 2]))
    seen = []
    machine, notes = noting(
        data,
        special={
            "send": lambda machine, event: seen.extend(
                [answer(machine, event), tried(machine.snapshot), machine.now]
            )
        },
    )
    return [*found, played(machine, notes, [1.5]), seen]


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


def described(definition):
    found = []
    for state in definition.states.values():
        on = {
            event: [(one.target, one.guard, one.actions, one.internal) for one in choices]
            for event, choices in state.on.items()
        }
        after = [(delay, one.target, one.guard, one.actions, one.internal) for delay, one in state.after]
        found.append(
            [
                state.name,
                state.parent,
                state.initial,
                state.history,
                state.children,
                state.entry,
                state.exit,
                on,
                after,
            ]
        )
    return [definition.initial, found]


def case_definitions():
    good = [TREE, GUARDED, QUEUE, DELAYS, RAISING, nested("deep")]
    return [tried(lambda data=data: described(load(data))) for data in BROKEN + good]


def case_definitions_by_hand():
    def made(states, initial="a"):
        return tried(lambda: list(Definition(states, initial).states))

    plain = State("a")
    return [
        made([plain]),
        made([]),
        made([plain], "b"),
        made([plain, State("a")]),
        made([State("a", children=["b"], initial="b"), State("b", "a")]),
        made([State("a", children=["b"], initial="b"), State("b", "a")], "b"),
        made([State("a", on={"x": [Transition("b")]})]),
        made([State("a", after=[(1.0, Transition("b"))])]),
        made([State("a", after=[(1.0, Transition("a"))])]),
        State("x").children is State("y").children,
        described(Definition([plain], "a")),
        Transition() == Transition(None, None, (), False),
    ]


def case_paths_and_common_states():
    definition = load(TREE)
    names = list(definition.states)
    return [
        [definition.path(name) for name in names],
        [[definition.common(one, other) for other in names] for one in names],
        [[one.target for one in definition.transitions(definition.states[name])] for name in names],
    ]


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
