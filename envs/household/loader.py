"""Load the original's game files (`game.tw-pddl`) into games of our own engine.

A file is JSON with `pddl_domain`, `grammar`, `pddl_problem`, and mostly
`walkthrough` and `solvable`. What is wrong with one is reported with the file,
the part, the line inside that part and the reason.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ...errors import UsageError
from .build import ObjectDraft, ReceptacleDraft, build
from .game import Ability, Game, Wording
from .goals import read_goal, task_type_of
from .pddl import Expression, PddlError, Word, read, section, words
from .plan import obstacle, solvable
from .rules import PREDICATES, check_domain, read_grammar

MAX_FILE_BYTES = 8 << 20
_MAX_CACHED_GAMES = 4096  # the original's training split has 3 553

_ABILITIES = {
    "pickupable": Ability.PICKUPABLE,
    "heatable": Ability.HEATABLE,
    "coolable": Ability.COOLABLE,
    "cleanable": Ability.CLEANABLE,
    "sliceable": Ability.SLICEABLE,
    "toggleable": Ability.TOGGLEABLE,
    "isreceptacleobject": Ability.CONTAINER,
}
_CONDITIONS = {
    "ishot": "hot",
    "iscool": "cool",
    "isclean": "clean",
    "issliced": "sliced",
    "istoggled": "toggled",
}


class GameFileError(UsageError):
    """Why a file is not a game that can be played.

    Args:
        file: the file, as text.
        part: the key of the JSON document, or nothing for the document itself.
        line: line inside that part, from 1; 0 where no line is at fault.
        reason: what is wrong and what was expected.
    """

    def __init__(self, file: str, part: str, line: int, reason: str) -> None:
        self.file, self.part, self.line, self.reason = file, part, line, reason
        where = ", ".join(filter(None, (part, f"line {line}" if line else "")))
        super().__init__(f"{file}: {where + ': ' if where else ''}{reason}")


def load_game(path: str | Path, *, wording: Wording | None = None, strict: bool = True) -> Game:
    """Load a game file; a file that did not change since is answered from memory.

    Args:
        path: the file.
        wording: `move` or `put` instead of what the file's grammar has.
        strict: whether rules or sentences other than ALFWorld 0.4.2's are an error.

    Raises:
        GameFileError: if the file is missing, too large, no game, or cannot be won.
    """
    file = Path(path)
    try:
        stat = file.stat()
    except (OSError, ValueError) as error:
        raise GameFileError(str(path), "", 0, f"cannot be read: {error}") from error
    game = _cached(str(file), stat.st_mtime_ns, stat.st_size, strict)
    return game if wording in (None, game.wording) else replace(game, wording=wording)


@functools.lru_cache(maxsize=_MAX_CACHED_GAMES)
def _cached(path: str, mtime_ns: int, size_bytes: int, strict: bool) -> Game:
    if size_bytes > MAX_FILE_BYTES:
        raise GameFileError(path, "", 0, f"{size_bytes} bytes; a game has at most {MAX_FILE_BYTES}")
    file = Path(path)
    try:
        data = file.read_bytes()
    except OSError as error:
        raise GameFileError(path, "", 0, f"cannot be read: {error}") from error
    absolute = file.absolute()
    return parse_game(
        data, file=path, task=f"{absolute.parent.parent.name}/{absolute.parent.name}", strict=strict
    )


def parse_game(data: bytes | str, *, file: str = "<memory>", task: str = "", strict: bool = True) -> Game:
    """Turn the content of a game file into a game.

    Args:
        data: the JSON document.
        file: how errors name it.
        task: identifier of the task instance.
        strict: whether rules or sentences other than ALFWorld 0.4.2's are an error.

    Raises:
        GameFileError: naming the part, the line and the reason.
    """
    document = _document(data, file)
    if document.get("solvable") is False:
        raise GameFileError(file, "solvable", 0, "the file itself says that the game cannot be won")
    part = "pddl_domain"
    try:
        if strict:
            check_domain(document[part])
        part = "grammar"
        instruction, wording = read_grammar(document[part], strict=strict)
        part = "pddl_problem"
        problem = read(document[part])
        goal_line = section(problem, ":goal").line
        game = _game(problem, task, instruction, wording, document.get("walkthrough"))
    except PddlError as error:
        raise GameFileError(file, part, error.line, error.reason) from error
    if not solvable(game, game.initial):
        reason = obstacle(game, game.initial) or "no sequence of actions reaches it"
        raise GameFileError(file, part, goal_line, f"unsolvable goal: {reason}")
    return game


def _document(data: bytes | str, file: str) -> Mapping[str, Any]:
    try:
        document = json.loads(data)
    except UnicodeDecodeError as error:
        raise GameFileError(file, "", 0, f"not a game: not UTF-8 text ({error.reason})") from error
    except json.JSONDecodeError as error:
        raise GameFileError(file, "", error.lineno, f"not a game: not JSON ({error.msg})") from error
    except RecursionError as error:
        raise GameFileError(file, "", 0, "not a game: JSON nested too deep") from error
    if not isinstance(document, dict):
        raise GameFileError(file, "", 0, f"not a game: JSON {type(document).__name__}, expected an object")
    for key in ("pddl_domain", "grammar", "pddl_problem"):
        if not isinstance(document.get(key), str):
            raise GameFileError(file, key, 0, "not a game: this text is missing")
    return document


@dataclass(slots=True)
class _Facts:
    """The initial facts, grouped by predicate, in the order of the file."""

    types: dict[str, str]
    by_predicate: dict[str, list[tuple[Word, ...]]] = field(default_factory=dict)

    def of(self, predicate: str) -> list[tuple[Word, ...]]:
        return self.by_predicate.get(predicate, [])

    def mentioned(self) -> set[str]:
        return {word.text for facts in self.by_predicate.values() for fact in facts for word in fact}

    def single(self, predicate: str, about: int = 0) -> dict[str, str]:
        """Return subject -> value of a predicate that may hold once for a subject."""
        found: dict[str, str] = {}
        for fact in self.of(predicate):
            subject, value = fact[about], fact[1 - about]
            if found.setdefault(subject.text, value.text) != value.text:
                raise PddlError(
                    subject.line, f"{subject.text!r} has two values of {predicate!r}; expected one"
                )
        return found

    def many(self, predicate: str) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for first, second in self.of(predicate):
            found.setdefault(first.text, []).append(second.text)
        return found

    def unary(self, predicates: Iterable[str]) -> dict[str, set[str]]:
        found: dict[str, set[str]] = {}
        for predicate in predicates:
            for (word,) in self.of(predicate):
                found.setdefault(word.text, set()).add(predicate)
        return found


def _game(problem: Expression, task: str, instruction: str, wording: Wording, walkthrough: object) -> Game:
    facts = _read_facts(problem)
    goal = read_goal(section(problem, ":goal"))
    locations = {name: i for i, name in enumerate(n for n, t in facts.types.items() if t == "location")}
    start = _start(facts, problem)
    mentioned = facts.mentioned()
    of_type = {
        kind: [name for name, type_ in facts.types.items() if type_ == kind and name in mentioned]
        for kind in ("receptacle", "object")
    }
    return build(
        task=task,
        task_type=task_type_of(goal),
        instruction=instruction,
        goal=goal,
        receptacles=_receptacles(facts, of_type["receptacle"], locations),
        objects=_objects(facts, of_type["object"], locations),
        allowed=[(_class(r.text), _class(o.text)) for r, o in facts.of("cancontain")],
        num_locations=len(locations),
        start=locations[start],
        walkthrough=[str(action) for action in walkthrough] if isinstance(walkthrough, list) else (),
        wording=wording,
        named=mentioned - {*of_type["receptacle"], *of_type["object"]},
    )


def _receptacles(facts: _Facts, names: list[str], locations: dict[str, int]) -> list[ReceptacleDraft]:
    types, spots = facts.single("receptacletype"), facts.single("receptacleatlocation")
    doors = facts.unary(("openable", "opened"))
    return [
        ReceptacleDraft(
            id=name,
            type=_class(types.get(name, "")),
            location=locations[spots[name]] if name in spots else -1,
            openable="openable" in doors.get(name, ()),
            opened="opened" in doors.get(name, ()),
        )
        for name in names
    ]


def _objects(facts: _Facts, names: list[str], locations: dict[str, int]) -> list[ObjectDraft]:
    types = facts.single("objecttype")
    inside, at = facts.many("inreceptacle"), facts.many("objectatlocation")
    able, conditions = facts.unary(_ABILITIES), facts.unary(_CONDITIONS)
    held = _held(facts)
    contents: dict[str, list[str]] = {}
    for inner, outer in facts.of("inreceptacleobject"):
        contents.setdefault(outer.text, []).append(inner.text)
    drafts = []
    for name in names:
        abilities = Ability(0)
        for predicate in able.get(name, ()):
            abilities |= _ABILITIES[predicate]
        drafts.append(
            ObjectDraft(
                id=name,
                type=_class(types.get(name, "")),
                abilities=abilities,
                inside=tuple(inside.get(name, ())),
                at=tuple(locations[spot] for spot in at.get(name, ())),
                conditions=frozenset(_CONDITIONS[predicate] for predicate in conditions.get(name, ())),
                contents=tuple(contents.get(name, ())),
                held=name == held,
            )
        )
    return drafts


def _class(type_name: str) -> str:
    return type_name.removesuffix("type")


def _start(facts: _Facts, problem: Expression) -> str:
    spots = facts.single("atlocation")
    if len(spots) != 1:
        line = section(problem, ":init").line
        raise PddlError(line, f"{len(spots)} agents have a location (atLocation); expected one")
    return next(iter(spots.values()))


def _held(facts: _Facts) -> str:
    held, busy = facts.of("holds"), facts.of("holdsany")
    if len(held) > 1 or len(held) != len(busy):
        word = (held or busy)[-1][0]
        raise PddlError(
            word.line, f"{len(held)} times holds and {len(busy)} times holdsAny; expected one of each"
        )
    return held[0][1].text if held else ""


def _read_facts(problem: Expression) -> _Facts:
    facts = _Facts(_typed(section(problem, ":objects")))
    for item in section(problem, ":init").items[1:]:
        if isinstance(item, Word):
            raise PddlError(item.line, f"{item.text!r} where a fact in parentheses was expected")
        if item.head == "=":  # distances and costs, which decide nothing
            continue
        name, *terms = words(item) or [Word("", item.line)]
        if name.text not in PREDICATES:
            raise PddlError(
                name.line, f"unknown predicate {name.text!r}; the domain of ALFWorld has none of that name"
            )
        _check_terms(name, terms, facts.types)
        facts.by_predicate.setdefault(name.text, []).append(tuple(terms))
    return facts


def _check_terms(name: Word, terms: list[Word], types: dict[str, str]) -> None:
    expected = PREDICATES[name.text]
    if len(terms) != len(expected):
        raise PddlError(
            name.line, f"{name.text!r} has {len(terms)} arguments; expected {' and '.join(expected)}"
        )
    for term, type_ in zip(terms, expected, strict=True):
        if term.text not in types:
            raise PddlError(term.line, f"{term.text!r} is not declared in (:objects ...)")
        if types[term.text] != type_:
            raise PddlError(
                term.line,
                f"{term.text!r} is declared as {types[term.text]}; {name.text!r} is about a {type_}",
            )


def _typed(objects: Expression) -> dict[str, str]:
    """Read `name name - type name - type` into name -> type."""
    types: dict[str, str] = {}
    waiting: list[Word] = []
    items = iter(words(objects)[1:])
    for word in items:
        if word.text != "-":
            if word.text in types or any(word.text == other.text for other in waiting):
                raise PddlError(word.line, f"{word.text!r} is declared twice")
            waiting.append(word)
            continue
        type_ = next(items, None)
        if type_ is None or not waiting:
            raise PddlError(word.line, "'-' needs names before it and a type behind it")
        types.update((name.text, type_.text) for name in waiting)
        waiting = []
    if waiting:
        raise PddlError(waiting[0].line, f"{waiting[0].text!r} has no type; expected: name - type")
    return types
