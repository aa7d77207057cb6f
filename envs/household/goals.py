"""Read the goal of a game file.

The goals of ALFWorld are existential: some object of a class, in some asked
condition, in some receptacle of a class; two such objects; or an object in hand
beside a lamp that was switched. Other forms are refused by name.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from .game import NO_ABILITY, Ability, Goal, TaskType
from .pddl import Expression, Item, PddlError, Word, words

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
    """What a goal says about one variable alone."""

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
    """A reader that flattens nested `and` and `exists` into facts about renamed variables."""

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
