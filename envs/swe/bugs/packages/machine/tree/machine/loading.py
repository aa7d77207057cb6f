"""Definitions from plain data, as it comes from JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .definition import Definition, State, Transition
from .errors import DefinitionError

_STATE_KEYS = {"initial", "history", "entry", "exit", "on", "after", "states"}
_TRANSITION_KEYS = {"target", "guard", "actions", "internal"}


def load(data: Mapping[str, Any]) -> Definition:
    """Return the definition that plain data describes.

    Raises:
        DefinitionError: for unknown keys and whatever else `Definition` refuses.
    """
    unknown = set(data) - {"initial", "states"}
    if unknown or "initial" not in data or not data.get("states"):
        raise DefinitionError(f"expected initial and states, found {sorted(data)}")
    states: list[State] = []
    for name, inner in data["states"].items():
        _state(name, inner, None, states)
    return Definition(states, data["initial"])


def _state(name: str, data: Mapping[str, Any], parent: str | None, states: list[State]) -> None:
    """Append a state and those within it."""
    unknown = set(data) - _STATE_KEYS
    if unknown:
        raise DefinitionError(f"{name}: unknown keys {sorted(unknown)}")
    inner = data.get("states", {})
    states.append(
        State(
            name,
            parent,
            data.get("initial"),
            data.get("history", "none"),
            list(inner),
            _names(data.get("entry", ())),
            _names(data.get("exit", ())),
            {event: _choices(name, one) for event, one in data.get("on", {}).items()},
            [
                (_seconds(name, delay), one)
                for delay, choices in data.get("after", {}).items()
                for one in _choices(name, choices)
            ],
        )
    )
    for child, child_data in inner.items():
        _state(child, child_data, name, states)


def _choices(state: str, data: Any) -> list[Transition]:
    """Return the transitions that a target, a table, or a list of them stands for."""
    return [_transition(state, one) for one in (data if isinstance(data, (list, tuple)) else [data])]


def _transition(state: str, data: Any) -> Transition:
    if data is None or isinstance(data, str):
        return Transition(data)
    unknown = set(data) - _TRANSITION_KEYS
    if unknown:
        raise DefinitionError(f"{state}: a transition with unknown keys {sorted(unknown)}")
    return Transition(
        data.get("target"), data.get("guard"), _names(data.get("actions", ())), data.get("internal", False)
    )


def _names(data: Any) -> tuple[str, ...]:
    """Return names from a list of them or from a single one."""
    return (data,) if isinstance(data, str) else tuple(data)


def _seconds(state: str, delay: Any) -> float:
    try:
        return float(delay)
    except ValueError:
        raise DefinitionError(f"{state}: {delay!r} is not a number of seconds") from None
