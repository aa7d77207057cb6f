"""What each action of the household does: one function a verb, and the table of them."""

from __future__ import annotations

from collections.abc import Callable

from . import text
from .game import Game, State

Reply = tuple[str, State]
"""An observation and the next state."""

JOINT = {"move": " to ", "put": " in/on "}
"""Wording -> what stands between the object and the receptacle."""


def _go(game: Game, state: State, rest: str) -> Reply | None:
    if not rest.startswith("to "):
        return None
    receptacle = game.index.get(rest[3:], -1)
    if receptacle < 0:
        return None
    place = game.receptacles[receptacle]
    if place.location in (-1, state.location):
        return None
    state = state._replace(location=place.location)
    return f"You arrive at {place.name}. {text.receptacle_description(game, state, receptacle)}", state


def _open(game: Game, state: State, rest: str) -> Reply | None:
    bit = _receptacle_here(game, state, rest)
    if not bit & game.openable & ~state.opened:
        return None
    state = state._replace(opened=state.opened | bit)
    shown = text.receptacle_description(game, state, bit.bit_length() - 1)
    return f"You open the {rest}. {shown}", state


def _close(game: Game, state: State, rest: str) -> Reply | None:
    bit = _receptacle_here(game, state, rest)
    if not bit & game.openable & state.opened:
        return None
    return f"You close the {rest}.", state._replace(opened=state.opened & ~bit)


def _take(game: Game, state: State, rest: str) -> Reply | None:
    name, _, source = rest.partition(" from ")
    thing, bit = _object(game, name), _receptacle_here(game, state, source)
    if thing < 0 or state.held >= 0 or not game.pickupable >> thing & 1:
        return None
    if not bit & state.inside[thing] & (~game.openable | state.opened):
        return None
    spot = 1 << state.location
    left = state.left
    if bit & game.shared:
        left = _with(left, thing, left[thing] | bit)
    state = state._replace(
        held=thing,
        inside=_with(state.inside, thing, state.inside[thing] & ~bit),
        at=_with(state.at, thing, state.at[thing] & ~spot),
        left=left,
    )
    return f"You pick up the {name} from the {source}.", state


def _place(game: Game, state: State, rest: str) -> Reply | None:
    name, _, target = rest.partition(JOINT[game.wording])
    thing, bit = _object(game, name), _receptacle_here(game, state, target)
    if thing < 0 or thing != state.held:
        return None
    if not bit & game.accepts[thing] & (~game.openable | state.opened):
        return None
    left = state.left
    if left[thing] & bit:
        left = _with(left, thing, left[thing] & ~bit)
    state = state._replace(
        held=-1,
        inside=_with(state.inside, thing, state.inside[thing] | bit),
        at=_with(state.at, thing, state.at[thing] | 1 << state.location),
        left=left,
    )
    return f"You {game.wording} the {name}{JOINT[game.wording]}the {target}.", state


def _move(game: Game, state: State, rest: str) -> Reply | None:
    return _place(game, state, rest) if game.wording == "move" else None


def _put(game: Game, state: State, rest: str) -> Reply | None:
    return _place(game, state, rest) if game.wording == "put" else None


def _heat(game: Game, state: State, rest: str) -> Reply | None:
    bit = _treated(game, state, rest, game.heatable, game.microwaves)
    if not bit:
        return None
    return _treatment("heat", rest), state._replace(hot=state.hot | bit, cool=state.cool & ~bit)


def _cool(game: Game, state: State, rest: str) -> Reply | None:
    bit = _treated(game, state, rest, game.coolable, game.fridges)
    if not bit:
        return None
    return _treatment("cool", rest), state._replace(cool=state.cool | bit, hot=state.hot & ~bit)


def _clean(game: Game, state: State, rest: str) -> Reply | None:
    bit = _treated(game, state, rest, game.cleanable, game.sinks)
    if not bit:
        return None
    return _treatment("clean", rest), state._replace(clean=state.clean | bit)


def _slice(game: Game, state: State, rest: str) -> Reply | None:
    name, _, tool = rest.partition(" with ")
    thing, knife = _object(game, name), _object(game, tool)
    if thing < 0 or knife < 0 or knife != state.held or not game.knives >> knife & 1:
        return None
    if not (game.sliceable >> thing & 1 and state.at[thing] >> state.location & 1):
        return None
    return f"You sliced the {name} with the {tool}.", state._replace(sliced=state.sliced | 1 << thing)


def _use(game: Game, state: State, rest: str) -> Reply | None:
    thing = _object(game, rest)
    if thing < 0 or not game.toggleable >> thing & 1:
        return None
    if not state.inside[thing] & game.located[state.location]:
        return None
    return f"You turn on the {rest}.", state._replace(toggled=state.toggled | 1 << thing)


def _examine(game: Game, state: State, rest: str) -> Reply | None:
    bit = _receptacle_here(game, state, rest)
    if bit:
        return text.receptacle_description(game, state, bit.bit_length() - 1), state
    thing = _object(game, rest)
    if thing < 0 or thing != state.held:
        return None
    return text.object_description(game, state, thing), state


def _look(game: Game, state: State, rest: str) -> Reply | None:
    return None if rest else (text.look(game, state), state)


def _inventory(game: Game, state: State, rest: str) -> Reply | None:
    return None if rest else (text.inventory(game, state), state)


def _help(game: Game, state: State, rest: str) -> Reply | None:
    return None if rest else (text.help_text(game.wording), state)


RULES: dict[str, Callable[[Game, State, str], Reply | None]] = {
    "go": _go,
    "open": _open,
    "close": _close,
    "take": _take,
    "move": _move,
    "put": _put,
    "heat": _heat,
    "cool": _cool,
    "clean": _clean,
    "slice": _slice,
    "use": _use,
    "examine": _examine,
    "look": _look,
    "inventory": _inventory,
    "help": _help,
}
"""Verb -> (game, state, the rest of the action) -> the reply; None where the action is not admissible."""


def _object(game: Game, name: str) -> int:
    """Return the index of the object of that name, or -1."""
    number = game.index.get(name, 0)
    return ~number if number < 0 else -1


def _receptacle_here(game: Game, state: State, name: str) -> int:
    """Return the bit of the receptacle of that name where the agent stands, or 0."""
    number = game.index.get(name, -1)
    return 1 << number & game.located[state.location] if number >= 0 else 0


def _treated(game: Game, state: State, rest: str, able: int, appliances: int) -> int:
    """Return the bit of the held object that `O with R` names, if R can treat it here, or 0."""
    name, _, appliance = rest.partition(" with ")
    thing = _object(game, name)
    if thing < 0 or thing != state.held or not _receptacle_here(game, state, appliance) & appliances:
        return 0
    return 1 << thing & able


def _treatment(verb: str, rest: str) -> str:
    name, _, appliance = rest.partition(" with ")
    return f"You {verb} the {name} using the {appliance}."


def _with(values: tuple[int, ...], index: int, value: int) -> tuple[int, ...]:
    return (*values[:index], value, *values[index + 1 :])
