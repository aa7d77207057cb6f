"""Hidden cases of machine: timers."""

from cases.shared import DELAYS, noting, played, sender
from judging import tried


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
