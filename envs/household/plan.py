"""Plan: the shortest way to win, from any state, with full knowledge of the house.

A* search (Hart, Nilsson, Raphael 1968) over the chores of chores.py, with a bound
on what is still to do that is never too high: no plan has fewer actions.
"""

from __future__ import annotations

import heapq
from itertools import count

from ...errors import UsageError
from .chores import ABILITIES, APPLIANCES, Chore, Chores, Node, reachable
from .game import Game, State, bits


def plan(game: Game, state: State) -> list[str]:
    """Return a shortest list of actions that wins; empty when the game is won.

    Raises:
        UsageError: if the goal cannot be reached from this state, with the reason.
    """
    actions = find_plan(game, state)
    if actions is None:
        reason = obstacle(game, state) or "no sequence of actions leads there"
        raise UsageError(f"{game.task}: {game.instruction!r} cannot be fulfilled: {reason}")
    return actions


def next_action(game: Game, state: State) -> str | None:
    """Return the first action of a shortest plan, or None when won or out of reach."""
    actions = find_plan(game, state)
    return actions[0] if actions else None


def solvable(game: Game, state: State) -> bool:
    """Tell whether the goal can be reached from a state."""
    return find_plan(game, state) is not None


def obstacle(game: Game, state: State) -> str | None:
    """Say what of the goal's ingredients is missing from the house, if anything is."""
    goal = game.goal
    within_reach = reachable(game)
    things = [
        o
        for o in bits(game.goal_objects)
        if state.held == o or (game.pickupable >> o & 1 and state.inside[o] & within_reach)
    ]
    in_place = sum(1 for o in bits(game.goal_objects) if state.inside[o] & game.goal_targets)
    if goal.kind == "light" or in_place < goal.count:
        if len(things) < goal.count:
            return f"there are {len(things)} of {goal.count} {goal.object_type} that could be fetched"
        if goal.kind == "light":
            if not any(state.inside[lamp] & within_reach for lamp in bits(game.goal_targets)):
                return f"there is no {goal.target_type} that could be reached"
        elif not any(game.accepts[o] & game.goal_targets & within_reach for o in things):
            return f"there is no {goal.target_type} that could be reached and takes {goal.object_type}"
    for need in goal.needs:
        fit = getattr(state, need)
        if game.knives if need == "sliced" else getattr(game, APPLIANCES[need]) & within_reach:
            fit |= getattr(game, ABILITIES[need])
        if (game.goal_objects & fit).bit_count() < goal.count:
            return f"there is nothing that makes {goal.object_type} {need}"
    return None


def find_plan(game: Game, state: State) -> list[str] | None:
    """Return what `plan` returns, or None if the goal cannot be reached."""
    if obstacle(game, state) is not None:
        return None
    chores = Chores(game, state)
    start = chores.start
    order = count()
    queue = [(chores.bound(start), 0, next(order), start)]
    costs = {start: 0}
    origins: dict[Node, tuple[Node, Chore]] = {}
    while queue:
        _, negative, _, node = heapq.heappop(queue)
        cost = -negative
        if cost > costs[node]:
            continue
        if chores.done(node):
            return _texts(game, origins, node)
        for chore, after in chores.following(node):
            total = cost + len(chore)
            if total < costs.get(after, total + 1):
                costs[after] = total
                origins[after] = (node, chore)
                heapq.heappush(queue, (total + chores.bound(after), -total, next(order), after))
    return None


def _texts(game: Game, origins: dict[Node, tuple[Node, Chore]], node: Node) -> list[str]:
    done: list[Chore] = []
    while node in origins:
        node, chore = origins[node]
        done.append(chore)
    return [_text(game, *action) for chore in reversed(done) for action in chore]


def _text(game: Game, verb: str, thing: int, place: int) -> str:
    receptacle = game.receptacles[place].name
    if verb == "go":
        return f"go to {receptacle}"
    if verb == "open":
        return f"open {receptacle}"
    name = game.objects[thing].name
    if verb == "use":
        return f"use {name}"
    if verb == "take":
        return f"take {name} from {receptacle}"
    if verb == "slice":
        return f"slice {name} with {game.objects[place].name}"
    if verb == "put":
        return f"{game.wording} {name}{' to ' if game.wording == 'move' else ' in/on '}{receptacle}"
    return f"{verb} {name} with {receptacle}"
