"""The rules of the household: a step, which actions are possible, what wins; `actions` has each verb.

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
from itertools import compress
from operator import ne

from . import text
from .actions import JOINT, RULES, Reply
from .game import Game, State, bits

SUBGOALS = ("pick", "prepare", "place")
"""The steps on the way to a win, in order; see `subgoals`."""


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
    rule = RULES.get(verb)
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
    verb, joint = game.wording, JOINT[game.wording]
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
