"""A machine that runs."""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Mapping
from typing import Any, Callable

from .definition import Definition, State, Transition
from .errors import MachineError
from .timers import Timers

Guard = Callable[[dict, Any], bool]
Action = Callable[["Machine", Any], None]


class Machine:
    """A machine in one of its states.

    Args:
        definition: its states.
        guards: name -> function of context and event.
        actions: name -> function of machine and event.
        context: what guards and actions share; copied.

    Raises:
        MachineError: if a guard or an action of the definition is not given.
    """

    def __init__(
        self,
        definition: Definition,
        guards: Mapping[str, Guard] | None = None,
        actions: Mapping[str, Action] | None = None,
        context: Mapping[str, Any] | None = None,
    ):
        self._prepare(definition, guards, actions, context)
        self._enter_all(definition.path(definition.initial), "init")
        self._drain()

    def _prepare(self, definition, guards, actions, context) -> None:
        self.definition = definition
        self.guards = dict(guards or {})
        self.actions = dict(actions or {})
        self.context = copy.deepcopy(dict(context or {}))
        self.path: list[str] = []
        self._memory: dict[str, str] = {}  # compound state -> child or leaf it was left in
        self._timers = Timers()
        self._queue: deque[Any] = deque()
        self._busy = True
        self._check_names()

    @property
    def now(self) -> float:
        """Seconds since the machine was made."""
        return self._timers.now

    def is_in(self, name: str) -> bool:
        """Return whether a state is active.

        Raises:
            MachineError: if there is no such state.
        """
        if name not in self.definition.states:
            raise MachineError(f"there is no state {name!r}")
        return name in self.path

    def send(self, event: str) -> bool:
        """Deal with an event; return whether a transition was taken, True for one that has to wait."""
        if self._busy:
            self._queue.append(event)
            return True
        return self._safely(lambda: self._take(event))

    def advance(self, seconds: float) -> int:
        """Let time pass; return the number of delays that led to a transition.

        Raises:
            MachineError: if seconds are negative, or within an action.
        """
        if seconds < 0 or self._busy:
            raise MachineError(f"time can not go on by {seconds} seconds here")
        until, count = self._timers.now + seconds, 0
        while (fired := self._safely(lambda: self._fire(until))) is not None:
            count += fired
        self._timers.now = until
        return count

    def snapshot(self) -> dict[str, Any]:
        """Return all of the machine's state as plain data.

        Raises:
            MachineError: within an action.
        """
        if self._busy:
            raise MachineError("a snapshot needs a machine at rest")
        return {
            "state": self.path[-1],
            "context": copy.deepcopy(self.context),
            "memory": dict(self._memory),
            "now": self._timers.now,
            "timers": [list(timer) for timer in self._timers.left()],
        }

    @classmethod
    def restore(
        cls,
        snapshot: Mapping[str, Any],
        definition: Definition,
        guards: Mapping[str, Guard] | None = None,
        actions: Mapping[str, Action] | None = None,
    ) -> Machine:
        """Return a machine that goes on from a snapshot; no entry action runs."""
        machine = cls.__new__(cls)
        machine._prepare(definition, guards, actions, snapshot["context"])
        machine.path = definition.path(snapshot["state"])
        machine._memory = dict(snapshot["memory"])
        machine._timers.now = snapshot["now"]
        for name, order, seconds in snapshot["timers"]:
            transition = definition.states[name].after[order][1]
            machine._timers.resume(name, len(definition.path(name)), order, seconds, transition)
        machine._busy = False
        return machine

    def _safely(self, step: Callable[[], Any]) -> Any:
        """Do a step and the events sent meanwhile; if one raises, that one leaves no trace."""
        self._busy = True
        done = self._undoable(step)
        self._drain()
        return done

    def _drain(self) -> None:
        while self._queue:
            event = self._queue.popleft()
            self._undoable(lambda event=event: self._take(event))
        self._busy = False

    def _undoable(self, step: Callable[[], Any]) -> Any:
        before = (list(self.path), dict(self._memory), self._timers.copy(), copy.deepcopy(self.context))
        try:
            return step()
        except BaseException:
            self.path, self._memory, self._timers, self.context = before
            self._queue.clear()
            self._busy = False
            raise

    def _fire(self, until: float) -> bool | None:
        """Deal with the delay that is due first; None if there is not one."""
        timer = self._timers.pop(until)
        if timer is None:
            return None
        event = f"after {timer.state}"
        return self._allowed(timer.transition, event) and self._run(timer.state, timer.transition, event)

    def _take(self, event: str) -> bool:
        for name in reversed(self.path):
            on = self.definition.states[name].on
            for transition in on.get(event, on.get("*", [])):
                if self._allowed(transition, event):
                    return self._run(name, transition, event)
        return False

    def _allowed(self, transition: Transition, event: str) -> bool:
        return transition.guard is None or bool(self.guards[transition.guard](self.context, event))

    def _run(self, source: str, transition: Transition, event: str) -> bool:
        """Leave, act, enter."""
        if transition.target is None:
            self._act(transition.actions, event)
            return True
        holder = self._holder(source, transition)
        depth = 0 if holder is None else self.path.index(holder) + 1
        self._remember(depth)
        while len(self.path) > depth:
            state = self.definition.states[self.path[-1]]
            self._act(state.exit, event)
            self._timers.stop(state.name)
            self.path.pop()
        self._act(transition.actions, event)
        self._enter_all(self.definition.path(transition.target)[depth:], event)
        return True

    def _holder(self, source: str, transition: Transition) -> str | None:
        """Return the innermost state that the transition does not leave."""
        if transition.internal and source in self.definition.path(transition.target)[:-1]:
            return source
        return self.definition.common(source, transition.target)

    def _remember(self, depth: int) -> None:
        """Note for the states from a depth on where they are left."""
        for name, child in zip(self.path[depth:], self.path[depth + 1 :]):
            history = self.definition.states[name].history
            if history != "none":
                self._memory[name] = child if history == "shallow" else self.path[-1]

    def _enter_all(self, names: list[str], event: str) -> None:
        """Enter states from the outermost on, and on to a leaf."""
        for name in names:
            self._enter(self.definition.states[name], event)
        state = self.definition.states[self.path[-1]]
        while state.children:
            inner = self._memory.get(state.name, state.initial)
            for name in self.definition.path(inner)[len(self.path) :]:
                state = self.definition.states[name]
                self._enter(state, event)

    def _enter(self, state: State, event: str) -> None:
        self.path.append(state.name)
        self._timers.start(state.name, len(self.path), state.after)
        self._act(state.entry, event)

    def _act(self, names: tuple[str, ...], event: str) -> None:
        for name in names:
            self.actions[name](self, event)

    def _check_names(self) -> None:
        for state in self.definition.states.values():
            transitions = list(self.definition.transitions(state))
            actions = [*state.entry, *state.exit, *(name for one in transitions for name in one.actions)]
            guards = [one.guard for one in transitions if one.guard is not None]
            missing = [name for name in actions if name not in self.actions]
            missing += [name for name in guards if name not in self.guards]
            if missing:
                raise MachineError(f"{state.name}: not given: {', '.join(missing)}")
