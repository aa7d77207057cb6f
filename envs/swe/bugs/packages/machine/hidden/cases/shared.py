"""Hidden cases of machine: what several files of them use."""

from judging import tried
from machine import Machine, load


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
