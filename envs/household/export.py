"""Write games in the original's file format, so that its engine can load them.

Domain and grammar are the original's work and come from where the user has them:
an original game file, a folder that holds `alfred.pddl` and `alfred.twl2`, or the
installed package. The task's sentence is frozen into the grammar.
"""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import re
from pathlib import Path
from typing import Any, NamedTuple

from ...errors import UsageError
from ...files import write_whole
from .game import Ability, Game, Goal, Wording, bits
from .plan import find_plan

_TASK = re.compile(r'Your task is to: (?:[^"\\]|\\.)*')
_ABILITIES = {
    Ability.PICKUPABLE: "pickupable",
    Ability.HEATABLE: "heatable",
    Ability.COOLABLE: "coolable",
    Ability.CLEANABLE: "cleanable",
    Ability.SLICEABLE: "sliceable",
    Ability.TOGGLEABLE: "toggleable",
    Ability.CONTAINER: "isReceptacleObject",
}
_CONDITIONS = {"hot": "isHot", "cool": "isCool", "clean": "isClean", "sliced": "isSliced"}
_AGENT = "agent1"
_NAMED_BY_DOMAIN = (("SinkBasin", "Microwave", "Fridge"), ("Knife", "ButterKnife"))
"""Receptacle and object classes that the domain's rules name, so every problem declares them."""


class Logic(NamedTuple):
    """The rules and the sentences of the original engine, as texts."""

    domain: str
    grammar: str


def read_logic(source: str | Path | None = None) -> Logic:
    """Read domain and grammar.

    Args:
        source: an original game file, or a folder with `alfred.pddl` and
            `alfred.twl2`; by default those of the installed alfworld package.

    Raises:
        UsageError: if there is nothing of the kind.
    """
    if source is None:
        spec = importlib.util.find_spec("alfworld")
        if spec is None or spec.origin is None:
            raise UsageError(
                "no domain and grammar: give an original game file or the package's data folder, "
                "or install the package with: pip install 'turnwise[alfworld]'"
            )
        source = Path(spec.origin).parent / "data"
    path = Path(source)
    try:
        if path.is_dir():
            return Logic(
                (path / "alfred.pddl").read_text(encoding="utf-8"),
                (path / "alfred.twl2").read_text(encoding="utf-8"),
            )
        document = json.loads(path.read_text(encoding="utf-8"))
        return Logic(document["pddl_domain"], document["grammar"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(
            f"{path} gives no domain and grammar ({error!r}); expected an original game file "
            "or a folder with alfred.pddl and alfred.twl2"
        ) from error


def to_original(game: Game, template: Logic | str | Path | None = None) -> dict[str, Any]:
    """Return a game as the document of an original game file.

    Args:
        game: the game.
        template: where domain and grammar come from; see read_logic.

    Returns:
        the JSON object: pddl_domain, grammar, pddl_problem, walkthrough, solvable.

    Raises:
        UsageError: if the template has no sentence for the task.
    """
    logic = template if isinstance(template, Logic) else read_logic(template)
    if not _TASK.search(logic.grammar):
        raise UsageError("the template's grammar has no 'Your task is to: ...' to put the task into")
    sentence = json.dumps(game.instruction)[1:-1]
    wording: Wording = "put" if "{o} in/on {r}" in logic.grammar else "move"
    steps = find_plan(dataclasses.replace(game, wording=wording), game.initial)
    return {
        "pddl_domain": logic.domain,
        "grammar": _TASK.sub(lambda _: sentence, logic.grammar),
        "pddl_problem": _problem(game),
        "walkthrough": steps or [],
        "solvable": steps is not None,
    }


def write_original(game: Game, folder: str | Path, template: Logic | str | Path | None = None) -> Path:
    """Write `game.tw-pddl` and `traj_data.json` into a folder, as the original lays them out.

    Returns:
        the path of the game file.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    light = game.goal.kind == "light"
    trajectory = {
        "task_type": game.task_type,
        "task_id": game.task,
        "pddl_params": {
            "object_target": game.goal.object_type,
            "parent_target": "" if light else game.goal.target_type,
            "toggle_target": game.goal.target_type if light else "",
            "mrecep_target": "",
            "object_sliced": "sliced" in game.goal.needs,
        },
    }
    _write(folder / "traj_data.json", trajectory)
    _write(folder / "game.tw-pddl", to_original(game, template))
    return folder / "game.tw-pddl"


def _write(path: Path, document: dict[str, Any]) -> None:
    write_whole(path, json.dumps(document).encode())


def _problem(game: Game) -> str:
    declarations = "\n".join(f"        {line}" for line in _declarations(game))
    facts = "\n".join(f"        ({fact})" for fact in _facts(game))
    name = re.sub(r"[^0-9a-zA-Z]+", "_", game.task)
    return (
        f"(define (problem plan_{name})\n(:domain alfred)\n(:objects\n{declarations}\n)\n"
        f"(:init\n{facts}\n)\n(:goal\n    (and\n{_goal(game.goal)}\n    )\n)\n)\n"
    )


def _declarations(game: Game) -> list[str]:
    receptacle_types = {r.type for r in game.receptacles} | set(_NAMED_BY_DOMAIN[0])
    object_types = {o.type for o in game.objects} | set(_NAMED_BY_DOMAIN[1])
    if game.goal.kind == "place":
        receptacle_types.add(game.goal.target_type)
    else:
        object_types.add(game.goal.target_type)
    object_types.add(game.goal.object_type)
    return [
        f"{_AGENT} - agent",
        *(f"{r.id} - receptacle" for r in game.receptacles),
        *(f"{o.id} - object" for o in game.objects),
        *(f"{_location(i)} - location" for i in range(len(game.located))),
        *(f"{type_}Type - rtype" for type_ in sorted(receptacle_types)),
        *(f"{type_}Type - otype" for type_ in sorted(object_types)),
    ]


def _location(index: int) -> str:
    return f"loc_bar_{index}_bar_0_bar_0_bar_0"


def _facts(game: Game) -> list[str]:
    state = game.initial
    facts = []
    for r, place in enumerate(game.receptacles):
        facts.append(f"receptacleType {place.id} {place.type}Type")
        if place.location >= 0:
            facts.append(f"receptacleAtLocation {place.id} {_location(place.location)}")
        if place.openable:
            facts.append(f"openable {place.id}")
        if state.opened >> r & 1:
            facts.append(f"opened {place.id}")
    facts.append(f"atLocation {_AGENT} {_location(state.location)}")
    for o in range(len(game.objects)):
        facts += _object_facts(game, o)
    pairs = {
        (game.receptacles[r].type, thing.type)
        for thing, mask in zip(game.objects, game.accepts, strict=True)
        for r in bits(mask)
    }
    facts += [f"canContain {receptacle}Type {thing}Type" for receptacle, thing in sorted(pairs)]
    return facts


def _object_facts(game: Game, index: int) -> list[str]:
    state, thing = game.initial, game.objects[index]
    bit = 1 << index
    facts = [f"objectType {thing.id} {thing.type}Type"]
    facts += [f"inReceptacle {thing.id} {game.receptacles[r].id}" for r in bits(state.inside[index])]
    facts += [f"objectAtLocation {thing.id} {_location(spot)}" for spot in bits(state.at[index])]
    facts += [f"{word} {thing.id}" for ability, word in _ABILITIES.items() if ability in thing.abilities]
    facts += [f"{word} {thing.id}" for name, word in _CONDITIONS.items() if getattr(state, name) & bit]
    if state.toggled & bit:
        facts.append(f"isToggled {thing.id}")
    if state.held == index:
        facts += [f"holds {_AGENT} {thing.id}", f"holdsAny {_AGENT}"]
    inner = game.contents.get(index, ())
    facts += [f"inReceptacleObject {game.objects[~game.index[name]].id} {thing.id}" for name in inner]
    return facts


def _goal(goal: Goal) -> str:
    if goal.kind == "light":
        return (
            "        (exists (?ot - object ?r - receptacle ?a - agent ?l - location) (and "
            f"(objectType ?ot {goal.target_type}Type) (toggleable ?ot) (isToggled ?ot) "
            "(receptacleAtLocation ?r ?l) (atLocation ?a ?l) (inReceptacle ?ot ?r)))\n"
            "        (exists (?o - object ?a - agent) (and "
            f"{_fitting(goal, '?o')} (holds ?a ?o)))"
        )
    first = f"{_placed(goal, '?o1')}"
    if goal.count == 2:
        first += f" (exists (?o2 - object) (and (not (= ?o1 ?o2)) {_placed(goal, '?o2')}))"
    return f"        (exists (?r - receptacle) (exists (?o1 - object) (and {first})))"


def _fitting(goal: Goal, variable: str) -> str:
    words = [word for ability, word in _ABILITIES.items() if ability in goal.abilities]
    words += [_CONDITIONS[need] for need in goal.needs]
    return " ".join(
        [f"(objectType {variable} {goal.object_type}Type)", *(f"({w} {variable})" for w in words)]
    )


def _placed(goal: Goal, variable: str) -> str:
    return (
        f"{_fitting(goal, variable)} (receptacleType ?r {goal.target_type}Type) (inReceptacle {variable} ?r)"
    )
