"""Reports about a definition: what can be reached, where it ends, a picture."""

from __future__ import annotations

from .definition import Definition


def reachable(definition: Definition) -> list[str]:
    """Return the states that can be active at some time, guards aside, sorted.

    A state is active with any state within it; entering a compound state enters its initial one.
    """
    found: set[str] = set()
    waiting = [definition.initial]
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found.add(name)
        state = definition.states[name]
        waiting.extend(definition.path(name))
        if state.children:
            waiting.append(state.initial)
        for transition in definition.transitions(state):
            if transition.target is not None:
                waiting.append(transition.target)
    return sorted(found)


def dead_ends(definition: Definition) -> list[str]:
    """Return the leaves that can be reached and never left, by no transition of a parent either."""
    found = []
    for name in reachable(definition):
        if definition.states[name].children:
            continue
        ways = [
            one for above in definition.path(name) for one in definition.transitions(definition.states[above])
        ]
        if all(one.target is None or one.target == name for one in ways):
            found.append(name)
    return found


def to_dot(definition: Definition) -> str:
    """Return a picture in Graphviz' language: clusters for compound states, edges with their events."""
    lines = ["digraph machine {"]
    for state in definition.states.values():
        if state.parent is None:
            _draw(definition, state.name, "  ", lines)
    for state in definition.states.values():
        labelled = [(event, one) for event, choices in state.on.items() for one in choices]
        labelled += [(f"after {delay:g}", one) for delay, one in state.after]
        for label, one in labelled:
            text = label if one.guard is None else f"{label} [{one.guard}]"
            target = state.name if one.target is None else one.target
            lines.append(f"  {_quoted(state.name)} -> {_quoted(target)} [label={_quoted(text)}];")
    return "\n".join([*lines, "}"]) + "\n"


def _draw(definition: Definition, name: str, margin: str, lines: list[str]) -> None:
    """Append the lines of a state and those within it."""
    state = definition.states[name]
    lines.append(f"{margin}{_quoted(name)};")
    if state.children:
        lines.append(f"{margin}subgraph {_quoted('cluster_' + name)} {{")
        for child in state.children:
            _draw(definition, child, margin + "  ", lines)
        lines.append(margin + "}")


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
