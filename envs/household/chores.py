"""Chores: what is worth doing next, seen from one state of a house.

The planner searches over chores instead of actions: fetch an object, put it
somewhere, treat it at an appliance, slice it, switch a lamp; going and opening
doors are part of a chore. Only objects that can matter are looked at. Of the
places where something could be put, those where the agent has other business are
kept, and one open and one closed of all the others, which are as good as each
other, so nothing is lost.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from .game import Game, State, bits

APPLIANCES = {"hot": "microwaves", "cool": "fridges", "clean": "sinks"}
"""Condition -> the field of Game with the receptacles that bring it about."""
ABILITIES = {"hot": "heatable", "cool": "coolable", "clean": "cleanable", "sliced": "sliceable"}
"""Condition -> the field of Game with the objects that can get into it."""
_TREATMENTS = {"hot": "heat", "cool": "cool", "clean": "clean"}


def reachable(game: Game) -> int:
    """Return the mask of the receptacles that the agent can go to."""
    return sum(game.located)


class Node(NamedTuple):
    """The part of a State that can matter; tuples have one entry per thing of Chores."""

    location: int
    held: int  # position in Chores.things, or -1
    inside: tuple[int, ...]
    at: tuple[int, ...]
    opened: int
    hot: int
    cool: int
    clean: int
    sliced: int
    toggled: int


Chore = tuple[tuple[str, int, int], ...]
"""Actions as (verb, object, receptacle), by their indices in the game; for slice, the knife comes last."""


class Chores:
    """The objects and the places that matter from one state on.

    Args:
        game: the game.
        state: where the search begins; `start` is its node.
    """

    def __init__(self, game: Game, state: State) -> None:
        self.game, self.goal = game, game.goal
        self.reachable = reachable(game)
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
        self.start = Node(
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
                business |= getattr(game, APPLIANCES[need])
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

    def done(self, node: Node) -> bool:
        """Tell whether a node wins."""
        ready = self._ready(node, self.goal.needs)
        if self.goal.kind == "light":
            return node.held >= 0 and bool(ready >> node.held & 1) and self._lit(node)
        return self._together(node, ready) >= self.goal.count

    def bound(self, node: Node) -> int:
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

    def following(self, node: Node) -> Iterator[tuple[Chore, Node]]:
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

    def _fetch(self, node: Node) -> Iterator[tuple[Chore, Node]]:
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

    def _put(self, node: Node) -> Iterator[tuple[Chore, Node]]:
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

    def _treat(self, node: Node) -> Iterator[tuple[Chore, Node]]:
        game, thing = self.game, self.things[node.held]
        bit = 1 << thing
        if not game.goal_objects & bit:
            return
        for need in self.goal.needs:
            if need == "sliced" or getattr(node, need) & bit or not getattr(game, ABILITIES[need]) & bit:
                continue
            changed = {need: getattr(node, need) | bit}
            if need in ("hot", "cool"):
                other = "cool" if need == "hot" else "hot"
                changed[other] = getattr(node, other) & ~bit
            for place in bits(getattr(game, APPLIANCES[need]) & self.reachable):
                location, before = self._go(node, place)
                yield (
                    (*before, (_TREATMENTS[need], thing, place)),
                    node._replace(location=location, **changed),
                )

    def _slice(self, node: Node) -> Iterator[tuple[Chore, Node]]:
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

    def _switch(self, node: Node) -> Iterator[tuple[Chore, Node]]:
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

    def _go(self, node: Node, place: int) -> tuple[int, Chore]:
        location = self.game.receptacles[place].location
        return location, () if location == node.location else (("go", -1, place),)

    def _enter(self, node: Node, place: int) -> tuple[int, Chore, int]:
        location, before = self._go(node, place)
        bit = 1 << place
        if self.game.openable & ~node.opened & bit:
            return location, (*before, ("open", -1, place)), node.opened | bit
        return location, before, node.opened

    def _ready(self, node: Node, needs: Iterable[str]) -> int:
        """Return the mask, by position, of objects of the goal in all these conditions."""
        mask = self.game.goal_objects
        for need in needs:
            mask &= getattr(node, need)
        return sum(1 << i for i, thing in enumerate(self.things) if mask >> thing & 1)

    def _together(self, node: Node, ready: int) -> int:
        counts: dict[int, int] = {}
        for i in bits(ready):
            for place in bits(node.inside[i] & self.game.goal_targets):
                counts[place] = counts.get(place, 0) + 1
        return max(counts.values(), default=0)

    def _least_work(self, node: Node, needs: Iterable[str]) -> int:
        masks = [getattr(node, need) for need in needs]
        objects = bits(self.game.goal_objects)
        return min(sum(1 for mask in masks if not mask >> thing & 1) for thing in objects)

    def _lit(self, node: Node) -> bool:
        here = self.game.located[node.location]
        lamps = self.game.goal_targets & node.toggled
        return any(lamps >> o & 1 and node.inside[i] & here for i, o in enumerate(self.things))


def _with(values: tuple[int, ...], index: int, value: int) -> tuple[int, ...]:
    return (*values[:index], value, *values[index + 1 :])
