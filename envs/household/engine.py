"""The rules of the household: what an action does, which actions are possible, what wins.

Pure functions of (game, state), equal step by step to the engine of ALFWorld
(Shridhar et al., "ALFWorld: Aligning Text and Embodied Environments for
Interactive Learning", arXiv 2010.03768), whose rules are a PDDL domain.
Quirks of the original that are kept on purpose:

- going to where one stands, also by the name of another receptacle there, does nothing;
- heating, cooling and cleaning ignore the appliance's door, and so does `use`;
- slicing asks for the recorded location alone, so a thing in a closed fridge can be sliced;
- `use` never turns a lamp off;
- a thing can be examined only in hand.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from itertools import compress
from operator import ne

from . import text
from .game import Game, State, bits

__all__ = ["SUBGOALS", "admissible", "goal_condition_rate", "state_hash", "step", "subgoals", "won"]

Reply = tuple[str, State]
SUBGOALS = ("pick", "prepare", "place")
"""The steps on the way to a win, in order; see `subgoals`."""

_JOINT = {"move": " to ", "put": " in/on "}


def step(game: Game, state: State, action: str) -> Reply:
    """Carry out an action.

    Args:
        game: the game.
        state: the state in which the action is taken.
        action: any text; blanks around it do not matter, anything else does.

    Returns:
        (observation, next state); `Nothing happens.` and the same state for
        whatever is not admissible.
    """
    verb, _, rest = action.strip().partition(" ")
    rule = _RULES.get(verb)
    return (rule(game, state, rest) if rule else None) or (text.NOTHING_HAPPENS, state)


def won(game: Game, state: State) -> bool:
    """Tell whether the goal is reached."""
    ready = _ready(game, state)
    if game.goal.kind == "light":
        return bool(_held_mask(state) & ready) and _lamp_on_here(game, state)
    return _most_together(game, state, ready) >= game.goal.count


def goal_condition_rate(game: Game, state: State) -> float:
    """Return the share of goal conditions that hold; 1.0 exactly when won.

    The conditions are counted as by ALFRED (Shridhar et al., arXiv 1912.01734,
    goal-condition success): one for each object in place, one for the asked
    change of state, one for both on the same object; for the lamp tasks one for
    the object in hand and one for the lamp switched on where the agent stands;
    one more for each object that must be sliced.
    """
    goal = game.goal
    candidates = game.goal_objects
    met, total = 0, 0
    if "sliced" in goal.needs:
        total += goal.count
        met += min((candidates & state.sliced).bit_count(), goal.count)
    if goal.kind == "light":
        total += 2
        met += bool(_held_mask(state) & candidates) + _lamp_on_here(game, state)
    else:
        total += goal.count
        met += min(_most_together(game, state, candidates), goal.count)
        change = [need for need in goal.needs if need != "sliced"]
        if change:
            changed = candidates
            for need in change:
                changed &= getattr(state, need)
            total += 2
            met += bool(changed) + bool(_most_together(game, state, changed))
    if met == total and not won(game, state):
        return (total - 0.5) / total  # every condition holds, but on different objects
    return met / total


def subgoals(game: Game, state: State) -> tuple[bool, bool, bool]:
    """Tell which of SUBGOALS hold in a state.

    pick: a fitting object is in hand. prepare: such an object is in the asked
    condition (nothing asked: it is in hand; lamp tasks: the lamp was switched).
    place: one that is ready stands in a target (lamp tasks: the win itself).
    """
    ready = _ready(game, state)
    in_hand = bool(_held_mask(state) & game.goal_objects)
    if game.goal.kind == "light":
        return in_hand, bool(state.toggled & game.goal_targets), won(game, state)
    prepared = bool(ready) if game.goal.needs else in_hand
    return in_hand, prepared, _most_together(game, state, ready) > 0


def state_hash(game: Game, state: State) -> str:
    """Return a hash of the exact state of a game, the same in every process.

    Objects that are as they were at the start are left out: most are, and the
    hash is taken in every turn.
    """
    start = game.initial
    moved = [
        () if now == before else tuple(compress(enumerate(now), map(ne, now, before)))
        for now, before in zip(state[2:5], start[2:5], strict=True)  # inside, at, left
    ]
    exact = repr((state.location, state.held, moved, state[5:]))  # 5: doors and conditions
    return hashlib.blake2b(exact.encode(), digest_size=8).hexdigest()


def admissible(game: Game, state: State) -> tuple[str, ...]:
    """Return every action that is possible, in alphabetical order."""
    here = game.located[state.location]
    reachable = here & (~game.openable | state.opened)
    places, things = game.receptacles, game.objects
    held = state.held
    commands = [f"examine {places[r].name}" for r in bits(here)]
    commands += [f"close {places[r].name}" for r in bits(here & game.openable & state.opened)]
    commands += [f"open {places[r].name}" for r in bits(here & game.openable & ~state.opened)]
    if held < 0:
        for o, inside in enumerate(state.inside):
            if inside & reachable and game.pickupable >> o & 1:
                name = things[o].name
                commands += [f"take {name} from {places[r].name}" for r in bits(inside & reachable)]
    else:
        commands += _with_held(game, state, here, reachable)
    for o in bits(game.toggleable):
        if state.inside[o] & here:
            commands.append(f"use {things[o].name}")
    commands += ("help", "inventory", "look")
    spot = state.location
    commands += ["go to " + place.name for place in places if place.location not in (spot, -1)]
    commands.sort()
    return tuple(commands)


def _with_held(game: Game, state: State, here: int, reachable: int) -> list[str]:
    places, things, held = game.receptacles, game.objects, state.held
    name, bit = things[held].name, 1 << held
    verb, joint = game.wording, _JOINT[game.wording]
    commands = [f"examine {name}"]
    commands += [f"{verb} {name}{joint}{places[r].name}" for r in bits(reachable & game.accepts[held])]
    if bit & game.heatable:
        commands += [f"heat {name} with {places[r].name}" for r in bits(here & game.microwaves)]
    if bit & game.coolable:
        commands += [f"cool {name} with {places[r].name}" for r in bits(here & game.fridges)]
    if bit & game.cleanable:
        commands += [f"clean {name} with {places[r].name}" for r in bits(here & game.sinks)]
    if bit & game.knives:
        spot = 1 << state.location
        commands += [
            f"slice {things[o].name} with {name}" for o in bits(game.sliceable) if state.at[o] & spot
        ]
    return commands


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
    name, _, target = rest.partition(_JOINT[game.wording])
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
    return f"You {game.wording} the {name}{_JOINT[game.wording]}the {target}.", state


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


_RULES: dict[str, Callable[[Game, State, str], Reply | None]] = {
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


def _held_mask(state: State) -> int:
    return 1 << state.held if state.held >= 0 else 0


def _ready(game: Game, state: State) -> int:
    """Return the mask of the goal's objects that are in the asked condition."""
    mask = game.goal_objects
    for need in game.goal.needs:
        mask &= getattr(state, need)
    return mask


def _lamp_on_here(game: Game, state: State) -> bool:
    here = game.located[state.location]
    return any(state.inside[lamp] & here for lamp in bits(state.toggled & game.goal_targets))


def _most_together(game: Game, state: State, things: int) -> int:
    """Return how many of the objects stand in that target that holds most of them."""
    if not things:
        return 0
    counts: dict[int, int] = {}
    for thing in bits(things):
        for target in bits(state.inside[thing] & game.goal_targets):
            counts[target] = counts.get(target, 0) + 1
    return max(counts.values(), default=0)
