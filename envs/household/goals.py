"""Read the goal of a game file, and tell whether it can be reached at all.

The goals of ALFWorld are existential: some object of a class, in some asked
condition, in some receptacle of a class; two such objects; or an object in hand
beside a lamp that was switched. Other forms are refused by name.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from .game import NO_ABILITY, Ability, Game, Goal, TaskType, bits
from .pddl import Expression, Item, PddlError, Word, words

__all__ = ["read_goal", "task_type_of", "unsolvable"]

_CONDITION = {"ishot": "hot", "iscool": "cool", "isclean": "clean", "issliced": "sliced"}
_ABILITY = {
    "heatable": Ability.HEATABLE,
    "coolable": Ability.COOLABLE,
    "cleanable": Ability.CLEANABLE,
    "sliceable": Ability.SLICEABLE,
    "pickupable": Ability.PICKUPABLE,
    "toggleable": Ability.TOGGLEABLE,
}
_ORDER = tuple(_CONDITION.values())


@dataclass(slots=True)
class _Variable:
    """Hold what a goal says about one variable alone."""

    object_type: str = ""
    receptacle_type: str = ""
    conditions: set[str] = field(default_factory=set)
    abilities: Ability = NO_ABILITY
    toggled: bool = False

    def same_demands(self, other: _Variable) -> bool:
        return (self.object_type, self.conditions, self.abilities) == (
            other.object_type,
            other.conditions,
            other.abilities,
        )


class _Reader:
    """Flatten nested `and` and `exists` into facts about renamed variables."""

    def __init__(self) -> None:
        self.variables: dict[str, _Variable] = {}
        self.relations: list[tuple[str, str, str]] = []

    def visit(self, item: Item, scope: dict[str, str]) -> None:
        if isinstance(item, Word):
            raise PddlError(item.line, f"{item.text!r} where a condition was expected")
        if item.head == "and":
            for inner in item.items[1:]:
                self.visit(inner, scope)
        elif item.head == "exists":
            self._exists(item, scope)
        elif item.head == "not":
            self._not(item, scope)
        else:
            self._fact(item, scope)

    def _exists(self, item: Expression, scope: dict[str, str]) -> None:
        if len(item.items) != 3 or not isinstance(item.items[1], Expression):
            raise PddlError(item.line, "expected (exists (variables) condition)")
        inner = dict(scope)
        for word in words(item.items[1]):
            if word.text.startswith("?"):
                inner[word.text] = f"{word.text}#{len(self.variables)}"
                self.variables[inner[word.text]] = _Variable()
        self.visit(item.items[2], inner)

    def _not(self, item: Expression, scope: dict[str, str]) -> None:
        inner = item.items[1] if len(item.items) == 2 else None
        if not isinstance(inner, Expression) or inner.head != "=" or len(inner.items) != 3:
            raise PddlError(item.line, "the goal denies something; only (not (= ?a ?b)) is known")
        first, second = (self._resolve(word, scope) for word in words(inner)[1:])
        self.relations.append(("different", first, second))

    def _fact(self, item: Expression, scope: dict[str, str]) -> None:
        name, *terms = words(item)
        if name.text in _CONDITION or name.text in _ABILITY or name.text == "istoggled":
            _expect(name, terms, 1)
            about = self.variables[self._resolve(terms[0], scope)]
            if name.text in _CONDITION:
                about.conditions.add(_CONDITION[name.text])
            elif name.text in _ABILITY:
                about.abilities |= _ABILITY[name.text]
            else:
                about.toggled = True
        elif name.text in ("objecttype", "receptacletype"):
            _expect(name, terms, 2)
            about = self.variables[self._resolve(terms[0], scope)]
            if name.text == "objecttype":
                about.object_type = terms[1].text.removesuffix("type")
            else:
                about.receptacle_type = terms[1].text.removesuffix("type")
        elif name.text in ("inreceptacle", "holds", "atlocation", "receptacleatlocation"):
            _expect(name, terms, 2)
            first, second = (self._resolve(word, scope) for word in terms)
            self.relations.append((name.text, first, second))
        else:
            raise PddlError(
                name.line, f"the goal asks for {name.text!r}, which no action here can bring about"
            )

    def _resolve(self, word: Word, scope: dict[str, str]) -> str:
        if word.text not in scope:
            raise PddlError(word.line, f"{word.text!r} stands outside of the (exists ...) that binds it")
        return scope[word.text]


def read_goal(goal: Expression) -> Goal:
    """Read `(:goal ...)`.

    Raises:
        PddlError: if the goal is malformed or of a form that ALFWorld does not have.
    """
    if len(goal.items) != 2:
        raise PddlError(goal.line, "expected one condition in (:goal ...)")
    reader = _Reader()
    reader.visit(goal.items[1], {})
    found = _light(reader) if any(name == "holds" for name, _, _ in reader.relations) else _place(reader)
    if found is None:
        raise PddlError(
            goal.line,
            "a goal of unknown form; expected an object in a receptacle, two objects in one, "
            "or an object in hand beside a lamp",
        )
    return found


def task_type_of(goal: Goal) -> TaskType:
    """Return the task type that a goal belongs to."""
    if goal.kind == "light":
        return "look_at_obj_in_light"
    if goal.count == 2:
        return "pick_two_obj_and_place"
    if "hot" in goal.needs:
        return "pick_heat_then_place_in_recep"
    if "cool" in goal.needs:
        return "pick_cool_then_place_in_recep"
    if "clean" in goal.needs:
        return "pick_clean_then_place_in_recep"
    return "pick_and_place_simple"


def unsolvable(game: Game) -> str | None:
    """Return why no sequence of actions can reach the goal, or None if one can."""
    goal = game.goal
    if not game.goal_objects:
        return f"the goal asks for a {goal.object_type}, and no such object is in the game"
    if not game.goal_targets:
        return f"the goal asks for a {goal.target_type}, and none is in the game"
    usable = [o for o in bits(game.goal_objects) if _can_become(game, o)]
    if goal.kind == "light":
        reachable = _reachable(game)
        if not any(game.initial.inside[lamp] & reachable for lamp in bits(game.goal_targets)):
            return f"no {goal.target_type} stands where the agent can go"
        usable = [o for o in usable if _obtainable(game, o)]
        return None if usable else f"no {goal.object_type} can be taken in hand as the goal asks"
    for target in bits(game.goal_targets):
        bit = 1 << target
        fitting = [o for o in usable if game.initial.inside[o] & bit or _can_stand(game, o, bit)]
        if len(fitting) >= goal.count:
            return None
    asked = " ".join(("", *goal.needs))
    return (
        f"no {goal.target_type} can get {goal.count}{asked} {goal.object_type}: "
        "too few can be taken, changed as asked and put there"
    )


def _expect(name: Word, terms: list[Word], count: int) -> None:
    if len(terms) != count:
        raise PddlError(name.line, f"{name.text!r} has {len(terms)} arguments; expected {count}")


def _place(reader: _Reader) -> Goal | None:
    inside = [(o, r) for name, o, r in reader.relations if name == "inreceptacle"]
    others = [(a, b) for name, a, b in reader.relations if name == "different"]
    if len(inside) + len(others) != len(reader.relations) or not 1 <= len(inside) <= 2:
        return None
    things, targets = [o for o, _ in inside], {r for _, r in inside}
    if len(targets) != 1 or (len(things) == 2) != (len(others) == 1):
        return None
    if others and set(others[0]) != set(things):
        return None
    first, last = reader.variables[things[0]], reader.variables[things[-1]]
    target = reader.variables[targets.pop()]
    if not first.object_type or not target.receptacle_type or not first.same_demands(last) or first.toggled:
        return None
    return Goal(
        "place",
        first.object_type,
        target.receptacle_type,
        len(things),
        tuple(need for need in _ORDER if need in first.conditions),
        first.abilities,
    )


def _light(reader: _Reader) -> Goal | None:
    by_name: dict[str, list[tuple[str, str]]] = {}
    for name, first, second in reader.relations:
        by_name.setdefault(name, []).append((first, second))
    expected = {"holds", "inreceptacle", "receptacleatlocation", "atlocation"}
    if set(by_name) != expected or any(len(pairs) != 1 for pairs in by_name.values()):
        return None
    lamp_name, stand = by_name["inreceptacle"][0]
    if by_name["receptacleatlocation"][0] != (stand, by_name["atlocation"][0][1]):
        return None
    lamp, thing = reader.variables[lamp_name], reader.variables[by_name["holds"][0][1]]
    if not lamp.object_type or not thing.object_type or not lamp.toggled or lamp.conditions:
        return None
    needs = tuple(need for need in _ORDER if need in thing.conditions)
    return Goal("light", thing.object_type, lamp.object_type, 1, needs, thing.abilities)


def _reachable(game: Game) -> int:
    return _union(game.located)


def _union(masks: Iterable[int]) -> int:
    total = 0
    for mask in masks:
        total |= mask
    return total


def _obtainable(game: Game, thing: int) -> bool:
    if game.initial.held == thing:
        return True
    return bool(game.pickupable >> thing & 1 and game.initial.inside[thing] & _reachable(game))


def _can_stand(game: Game, thing: int, receptacles: int) -> bool:
    return _obtainable(game, thing) and bool(game.accepts[thing] & receptacles & _reachable(game))


def _can_become(game: Game, thing: int) -> bool:
    state, reachable = game.initial, _reachable(game)
    ways = {
        "hot": game.heatable >> thing & 1 and game.microwaves & reachable,
        "cool": game.coolable >> thing & 1 and game.fridges & reachable,
        "clean": game.cleanable >> thing & 1 and game.sinks & reachable,
    }
    for need in game.goal.needs:
        if getattr(state, need) >> thing & 1:
            continue
        if need == "sliced":
            if not _can_be_sliced(game, thing):
                return False
        elif not (ways[need] and _obtainable(game, thing)):
            return False
    return True


def _can_be_sliced(game: Game, thing: int) -> bool:
    if not game.sliceable >> thing & 1:
        return False
    if not any(_obtainable(game, knife) for knife in bits(game.knives & ~(1 << thing))):
        return False
    visited = sum(1 << spot for spot, here in enumerate(game.located) if here)
    return bool(game.initial.at[thing] & visited) or _can_stand(game, thing, -1)
