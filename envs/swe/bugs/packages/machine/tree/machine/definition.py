"""States and transitions, as they are defined."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

from .errors import DefinitionError

HISTORIES = ("none", "shallow", "deep")


@dataclass(frozen=True)
class Transition:
    """Where an event leads; without a target only the actions happen."""

    target: str | None = None
    guard: str | None = None
    actions: tuple[str, ...] = ()
    internal: bool = False


@dataclass
class State:
    """A state and what lies in it."""

    name: str
    parent: str | None = None
    initial: str | None = None
    history: str = "none"
    children: list[str] = field(default_factory=list)
    entry: tuple[str, ...] = ()
    exit: tuple[str, ...] = ()
    on: dict[str, list[Transition]] = field(default_factory=dict)
    after: list[tuple[float, Transition]] = field(default_factory=list)


class Definition:
    """All states of a machine by name.

    Args:
        states: parents before their children, siblings in order.
        initial: the outermost state that a machine begins in.

    Raises:
        DefinitionError: for names that are unknown or used twice, an initial state that is not a
            child, a history that does not exist, a delay that is not positive
            and finite.
    """

    def __init__(self, states: list[State], initial: str):
        self.initial = initial
        self.states: dict[str, State] = {}
        for state in states:
            if state.name in self.states:
                raise DefinitionError(f"two states have the name {state.name!r}")
            self.states[state.name] = state
        if initial not in [state.name for state in states if state.parent is None]:
            raise DefinitionError(f"the initial state {initial!r} is not one of the outermost")
        for state in states:
            self._check(state)

    def path(self, name: str) -> list[str]:
        """Return the names from the outermost state down to this one."""
        found = []
        above: str | None = name
        while above is not None:
            found.append(above)
            above = self.states[above].parent
        return found[::-1]

    def transitions(self, state: State) -> Iterator[Transition]:
        """Yield all transitions of a state, those after a delay last."""
        for choices in state.on.values():
            yield from choices
        for _, transition in state.after:
            yield transition

    def common(self, first: str, second: str) -> str | None:
        """Return the innermost state that holds both and is neither of them; None for the machine itself."""
        shared = None
        for one, other in zip(self.path(first)[:-1], self.path(second)[:-1]):
            if one != other:
                break
            shared = one
        return shared

    def _check(self, state: State) -> None:
        if state.history not in HISTORIES:
            raise DefinitionError(f"{state.name}: history {state.history!r} is not one of {HISTORIES}")
        if state.children and state.initial not in state.children:
            raise DefinitionError(f"{state.name}: initial {state.initial!r} is not one of {state.children}")
        if not state.children and (state.initial is not None or state.history != "none"):
            raise DefinitionError(f"{state.name}: initial and history need states within")
        for delay, _ in state.after:
            if not 0 < delay < math.inf:
                raise DefinitionError(f"{state.name}: a delay of {delay} seconds is not positive and finite")
        for transition in self.transitions(state):
            if transition.target is not None and transition.target not in self.states:
                raise DefinitionError(f"{state.name}: there is no state {transition.target!r}")
