"""Hidden cases of machine: definition."""

from cases.shared import TREE, described
from judging import tried
from machine import Definition, State, Transition, load


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
