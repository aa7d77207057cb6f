"""Plan: the shortest way to win, from any state, with full knowledge of the house.

A* (Hart, Nilsson, Raphael 1968) over chores instead of actions: fetch an object,
put it somewhere, treat it at an appliance, slice it, switch a lamp; going and
opening doors are part of a chore. Only objects that can matter are looked at. Of
the places where something could be put, those where the agent has other business
are kept, and one open and one closed of all the others, which are as good as each
other; so the plan is optimal in the number of actions.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from itertools import count
from typing import NamedTuple

from ...errors import UsageError
from .game import Game, State, bits

__all__ = ["find_plan", "next_action", "obstacle", "plan", "solvable"]

_APPLIANCES = {"hot": "microwaves", "cool": "fridges", "clean": "sinks"}
_ABILITIES = {"hot": "heatable", "cool": "coolable", "clean": "cleanable", "sliced": "sliceable"}
_TREATMENTS = {"hot": "heat", "cool": "cool", "clean": "clean"}


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
    reachable = _reachable(game)
    things = [
        o
        for o in bits(game.goal_objects)
        if state.held == o or (game.pickupable >> o & 1 and state.inside[o] & reachable)
    ]
    in_place = sum(1 for o in bits(game.goal_objects) if state.inside[o] & game.goal_targets)
    if goal.kind == "light" or in_place < goal.count:
        if len(things) < goal.count:
            return f"there are {len(things)} of {goal.count} {goal.object_type} that could be fetched"
        if goal.kind == "light":
            if not any(state.inside[lamp] & reachable for lamp in bits(game.goal_targets)):
                return f"there is no {goal.target_type} that could be reached"
        elif not any(game.accepts[o] & game.goal_targets & reachable for o in things):
            return f"there is no {goal.target_type} that could be reached and takes {goal.object_type}"
    for need in goal.needs:
        done = (game.goal_objects & getattr(state, need)).bit_count() >= goal.count
        able = (game.goal_objects & getattr(game, _ABILITIES[need])).bit_count() >= goal.count
        if not done and not (able and _means(game, need, reachable)):
            return f"there is nothing that makes {goal.object_type} {need}"
    return None


def _means(game: Game, need: str, reachable: int) -> int:
    return game.knives if need == "sliced" else getattr(game, _APPLIANCES[need]) & reachable


def _reachable(game: Game) -> int:
    return sum(mask for mask in game.located)


class _Node(NamedTuple):
    """Hold what of a State can matter; tuples have one entry per relevant object."""

    location: int
    held: int  # position in _Search.things, or -1
    inside: tuple[int, ...]
    at: tuple[int, ...]
    opened: int
    hot: int
    cool: int
    clean: int
    sliced: int
    toggled: int


Chore = tuple[tuple[str, int, int], ...]
"""Actions as (verb, object, receptacle), the indices of the game."""


def find_plan(game: Game, state: State) -> list[str] | None:
    """Return what `plan` returns, or None if the goal cannot be reached."""
    if obstacle(game, state) is not None:
        return None
    search = _Search(game, state)
    start = search.start
    order = count()
    queue = [(search.bound(start), 0, next(order), start)]
    costs = {start: 0}
    origins: dict[_Node, tuple[_Node, Chore]] = {}
    while queue:
        _, negative, _, node = heapq.heappop(queue)
        cost = -negative
        if cost > costs[node]:
            continue
        if search.done(node):
            return _texts(game, origins, node)
        for chore, following in search.chores(node):
            total = cost + len(chore)
            if total < costs.get(following, total + 1):
                costs[following] = total
                origins[following] = (node, chore)
                heapq.heappush(queue, (total + search.bound(following), -total, next(order), following))
    return None


def _texts(game: Game, origins: dict[_Node, tuple[_Node, Chore]], node: _Node) -> list[str]:
    chores: list[Chore] = []
    while node in origins:
        node, chore = origins[node]
        chores.append(chore)
    return [_text(game, *action) for chore in reversed(chores) for action in chore]


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


class _Search:
    """Know what a search from one state needs: the objects and the places that matter."""

    def __init__(self, game: Game, state: State) -> None:
        self.game, self.goal = game, game.goal
        self.reachable = _reachable(game)
        wanted = game.goal_objects
        if game.goal.kind == "light":
            wanted |= game.goal_targets
        if "sliced" in game.goal.needs:
            wanted |= game.knives
        if state.held >= 0:
            wanted |= 1 << state.held
        self.things = tuple(bits(wanted))
        self.fetchable = game.goal_objects | (game.knives if "sliced" in game.goal.needs else 0)
        self.fetchable &= game.pickupable
        self.start = _Node(
            state.location,
            self.things.index(state.held) if state.held >= 0 else -1,
            tuple(state.inside[o] for o in self.things),
            tuple(state.at[o] for o in self.things),
            *(state.opened, state.hot, state.cool, state.clean, state.sliced, state.toggled),
        )
        self.places = self._places()

    def _places(self) -> tuple[int, ...]:
        """Return, per relevant object, the mask of the receptacles worth putting it into."""
        game, node = self.game, self.start
        business = game.located[node.location]
        for inside in node.inside:
            business |= inside
        for need in self.goal.needs:
            if need != "sliced":
                business |= getattr(game, _APPLIANCES[need])
        spots = {game.receptacles[r].location for r in bits(business)}
        if "sliced" in self.goal.needs:
            spots |= {spot for at in node.at for spot in bits(at)}
        special = 0
        for spot in spots - {-1}:
            special |= game.located[spot]
        closed = game.openable & ~node.opened
        result = []
        for thing in self.things:
            accepted = game.accepts[thing] & self.reachable
            others = accepted & ~special
            targets = others & game.goal_targets if self.goal.kind == "place" else 0
            mask = accepted & special
            for group in (others & closed, others & ~closed, targets & closed, targets & ~closed):
                mask |= group & -group
            result.append(mask)
        return tuple(result)

    def done(self, node: _Node) -> bool:
        """Tell whether a node wins."""
        if self.goal.kind == "light":
            return (
                bool(self._ready(node, self.goal.needs) >> max(node.held, 0) & 1)
                and node.held >= 0
                and self._lit(node)
            )
        return self._together(node, self._ready(node, self.goal.needs)) >= self.goal.count

    def bound(self, node: _Node) -> int:
        """Return a number of actions that is never above what is still needed."""
        game, goal = self.game, self.goal
        in_hand = node.held >= 0 and bool(game.goal_objects >> self.things[node.held] & 1)
        busy = node.held >= 0 and not in_hand
        if goal.kind == "light":
            return (not in_hand) + busy + (not self._lit(node))
        treatments = [need for need in goal.needs if need != "sliced"]
        missing = max(0, goal.count - self._together(node, self._ready(node, treatments)))
        bound = 2 * missing - in_hand + busy if missing else 0
        if missing and treatments:
            bound += self._least_work(node, treatments)
        if "sliced" in goal.needs:  # a thing can be sliced where it lies
            bound += max(0, goal.count - (game.goal_objects & node.sliced).bit_count())
        return bound

    def chores(self, node: _Node) -> Iterator[tuple[Chore, _Node]]:
        """Yield (actions, the node they lead to) for everything worth doing next."""
        if node.held < 0:
            yield from self._fetch(node)
        else:
            yield from self._put(node)
            yield from self._treat(node)
            if self.game.knives >> self.things[node.held] & 1 and "sliced" in self.goal.needs:
                yield from self._slice(node)
        if self.goal.kind == "light":
            yield from self._switch(node)

    def _fetch(self, node: _Node) -> Iterator[tuple[Chore, _Node]]:
        for i, thing in enumerate(self.things):
            if not self.fetchable >> thing & 1:
                continue
            for place in bits(node.inside[i] & self.reachable):
                location, before, opened = self._enter(node, place)
                yield (
                    (*before, ("take", thing, place)),
                    node._replace(
                        location=location,
                        held=i,
                        opened=opened,
                        inside=_with(node.inside, i, node.inside[i] & ~(1 << place)),
                        at=_with(node.at, i, node.at[i] & ~(1 << location)),
                    ),
                )

    def _put(self, node: _Node) -> Iterator[tuple[Chore, _Node]]:
        i = node.held
        for place in bits(self.places[i]):
            location, before, opened = self._enter(node, place)
            yield (
                (*before, ("put", self.things[i], place)),
                node._replace(
                    location=location,
                    held=-1,
                    opened=opened,
                    inside=_with(node.inside, i, node.inside[i] | 1 << place),
                    at=_with(node.at, i, node.at[i] | 1 << location),
                ),
            )

    def _treat(self, node: _Node) -> Iterator[tuple[Chore, _Node]]:
        game, thing = self.game, self.things[node.held]
        bit = 1 << thing
        if not game.goal_objects & bit:
            return
        for need in self.goal.needs:
            if need == "sliced" or getattr(node, need) & bit or not getattr(game, _ABILITIES[need]) & bit:
                continue
            changed = {need: getattr(node, need) | bit}
            if need in ("hot", "cool"):
                other = "cool" if need == "hot" else "hot"
                changed[other] = getattr(node, other) & ~bit
            for place in bits(getattr(game, _APPLIANCES[need]) & self.reachable):
                location, before = self._go(node, place)
                yield (
                    (*before, (_TREATMENTS[need], thing, place)),
                    node._replace(location=location, **changed),
                )

    def _slice(self, node: _Node) -> Iterator[tuple[Chore, _Node]]:
        game, knife = self.game, self.things[node.held]
        for i, thing in enumerate(self.things):
            if not game.goal_objects & game.sliceable & ~node.sliced & 1 << thing:
                continue
            for spot in bits(node.at[i]):
                here = game.located[spot]
                if not here and spot != node.location:
                    continue
                before = () if spot == node.location else (("go", -1, (here & -here).bit_length() - 1),)
                yield (
                    (*before, ("slice", thing, knife)),
                    node._replace(location=spot, sliced=node.sliced | 1 << thing),
                )

    def _switch(self, node: _Node) -> Iterator[tuple[Chore, _Node]]:
        for i, thing in enumerate(self.things):
            if not self.game.goal_targets >> thing & 1:
                continue
            for place in bits(node.inside[i] & self.reachable):
                location, before = self._go(node, place)
                if not node.toggled >> thing & 1:
                    lit = node._replace(location=location, toggled=node.toggled | 1 << thing)
                    yield (*before, ("use", thing, place)), lit
                elif before:
                    yield before, node._replace(location=location)

    def _go(self, node: _Node, place: int) -> tuple[int, Chore]:
        location = self.game.receptacles[place].location
        return location, () if location == node.location else (("go", -1, place),)

    def _enter(self, node: _Node, place: int) -> tuple[int, Chore, int]:
        location, before = self._go(node, place)
        bit = 1 << place
        if self.game.openable & ~node.opened & bit:
            return location, (*before, ("open", -1, place)), node.opened | bit
        return location, before, node.opened

    def _ready(self, node: _Node, needs: Iterable[str]) -> int:
        """Return the mask, by position, of objects of the goal in all these conditions."""
        mask = self.game.goal_objects
        for need in needs:
            mask &= getattr(node, need)
        return sum(1 << i for i, thing in enumerate(self.things) if mask >> thing & 1)

    def _together(self, node: _Node, ready: int) -> int:
        counts: dict[int, int] = {}
        for i in bits(ready):
            for place in bits(node.inside[i] & self.game.goal_targets):
                counts[place] = counts.get(place, 0) + 1
        return max(counts.values(), default=0)

    def _least_work(self, node: _Node, needs: Iterable[str]) -> int:
        masks = [getattr(node, need) for need in needs]
        objects = bits(self.game.goal_objects)
        return min(sum(1 for mask in masks if not mask >> thing & 1) for thing in objects)

    def _lit(self, node: _Node) -> bool:
        here = self.game.located[node.location]
        lamps = self.game.goal_targets & node.toggled
        return any(lamps >> o & 1 and node.inside[i] & here for i, o in enumerate(self.things))


def _with(values: tuple[int, ...], index: int, value: int) -> tuple[int, ...]:
    return (*values[:index], value, *values[index + 1 :])
