"""Bend a game file into shapes that no generator makes, to reach the corners of the rules.

The original data has receptacles that share a location, objects in two
receptacles or in none, objects recorded elsewhere than their receptacle, doors
open from the start, containers with something in them, an agent that starts
beside a receptacle or with something in hand, and goals that ask for slices.
"""

from __future__ import annotations

import random
import re
from typing import Any

__all__ = ["mutate", "older"]

_FACT = re.compile(r"\((\w+)((?: [^\s()]+)*)\)")
_PLACE = """(:goal (and (exists (?r - receptacle) (exists (?o - object) (and
  {asked} (objectType ?o {thing}) (receptacleType ?r {target}) (inReceptacle ?o ?r))))))"""
_TWO = """(:goal (and (exists (?r - receptacle) (exists (?o1 - object) (and {asked1}
  (objectType ?o1 {thing}) (receptacleType ?r {target}) (inReceptacle ?o1 ?r)
  (exists (?o2 - object) (and (not (= ?o1 ?o2)) {asked2}
  (objectType ?o2 {thing}) (receptacleType ?r {target}) (inReceptacle ?o2 ?r))))))))"""
_LIGHT = """(:goal (and (exists (?ot - object ?r - receptacle ?a - agent ?l - location) (and
  (objectType ?ot {lamp}) (toggleable ?ot) (isToggled ?ot) (receptacleAtLocation ?r ?l)
  (atLocation ?a ?l) (inReceptacle ?ot ?r)))
  (exists (?o - object ?a - agent) (and (objectType ?o {thing}) (holds ?a ?o)))))"""
_ASKED = {
    "hot": "(heatable {o}) (isHot {o})",
    "cool": "(coolable {o}) (isCool {o})",
    "clean": "(cleanable {o}) (isClean {o})",
    "sliced": "(sliceable {o}) (isSliced {o})",
}

Fact = tuple[str, ...]


def mutate(document: dict[str, Any], seed: int, wording: str = "move") -> dict[str, Any]:
    """Return a bent copy of a game file; whether it can still be won is not asked."""
    rng = random.Random(seed)
    head, init, _ = _parts(document["pddl_problem"])
    facts = [(name, *rest.split()) for name, rest in _FACT.findall(init)]
    _share_locations(facts, rng)
    _bend_doors(facts, rng)
    _bend_objects(facts, rng)
    _bend_start(facts, rng)
    lines = "\n".join(f"({' '.join(fact)})" for fact in facts)
    problem = f"{head}(:init\n{lines}\n)\n{_goal(facts, rng)}\n)"
    grammar = document["grammar"] if wording == "move" else older(document["grammar"])
    return {**document, "pddl_problem": problem, "grammar": grammar, "walkthrough": []}


def older(grammar: str) -> str:
    """Return a grammar with the wording of the first releases: `put O in/on R`."""
    return (
        grammar.replace(
            'template :: "move {o} to {r}";\n    feedback :: "#PutObject.feedback#"',
            'template :: "put {o} in/on {r}";\n    feedback :: "#PutObject.feedback#"',
        )
        .replace('"You move the {o.name} to the {r.name}."', '"You put the {o.name} in/on the {r.name}."')
        .replace("move (object) to (receptacle):  place", "put (object) in/on (receptacle):  place")
    )


def _parts(problem: str) -> tuple[str, str, str]:
    head, _, rest = problem.partition("(:init")
    init, _, goal = rest.partition("(:goal")
    return head, init, goal


def _about(facts: list[Fact], name: str) -> list[Fact]:
    return [fact for fact in facts if fact[0] == name]


def _share_locations(facts: list[Fact], rng: random.Random) -> None:
    spots = _about(facts, "receptacleAtLocation")
    for _ in range(rng.randrange(4)):
        (_, moved, old), (_, _, new) = rng.sample(spots, 2)
        facts[facts.index(("receptacleAtLocation", moved, old))] = ("receptacleAtLocation", moved, new)
        spots = _about(facts, "receptacleAtLocation")
        for _, thing, where in _about(facts, "inReceptacle"):
            if where == moved and ("objectAtLocation", thing, old) in facts:
                facts[facts.index(("objectAtLocation", thing, old))] = ("objectAtLocation", thing, new)
    if rng.random() < 0.3:
        facts.remove(rng.choice(spots))  # a receptacle that nobody can reach


def _bend_doors(facts: list[Fact], rng: random.Random) -> None:
    doors = _about(facts, "openable")
    for fact in rng.sample(doors, len(doors) // 3):
        facts.append(("opened", fact[1]))
    if rng.random() < 0.5:
        facts.remove(rng.choice(doors))


def _bend_objects(facts: list[Fact], rng: random.Random) -> None:
    things = [fact[1] for fact in _about(facts, "objectType")]
    places = [fact[1] for fact in _about(facts, "receptacleType")]
    spots = [fact[2] for fact in _about(facts, "receptacleAtLocation")]
    for thing in rng.sample(things, 4):
        facts.append(("toggleable", thing))
    for thing in rng.sample(things, 3):
        facts.append(("objectAtLocation", thing, rng.choice(spots)))
    for thing in rng.sample(things, 3):
        facts.append(("inReceptacle", thing, rng.choice(places)))
    for name in ("objectAtLocation", "inReceptacle", "pickupable", "isReceptacleObject"):
        facts.remove(rng.choice(_about(facts, name)))
    for outer in rng.sample(_about(facts, "isReceptacleObject"), 2):
        facts.append(("inReceptacleObject", rng.choice(things), outer[1]))
    for name in (
        "isHot",
        "isCool",
        "isClean",
        "isSliced",
        "isToggled",
        "isOn",
        "sliceable",
        "isReceptacleObject",
    ):
        facts.append((name, rng.choice(things)))


def _bend_start(facts: list[Fact], rng: random.Random) -> None:
    agent = _about(facts, "atLocation")[0]
    if rng.random() < 0.3:
        facts[facts.index(agent)] = (*agent[:2], rng.choice(_about(facts, "receptacleAtLocation"))[2])
    if rng.random() < 0.3:
        held = rng.choice(_about(facts, "objectType"))[1]
        gone = ("inReceptacle", "objectAtLocation")
        facts[:] = [fact for fact in facts if not (fact[0] in gone and fact[1] == held)]
        facts += [("holds", agent[1], held), ("holdsAny", agent[1])]


def _goal(facts: list[Fact], rng: random.Random) -> str:
    thing = rng.choice(_about(facts, "objectType"))[2]
    target = rng.choice(
        [fact[1] for fact in _about(facts, "canContain") if fact[2] == thing] or ["CabinetType"]
    )
    lamps = {fact[1] for fact in _about(facts, "toggleable")}
    if rng.random() < 0.25:
        lamp = rng.choice([fact[2] for fact in _about(facts, "objectType") if fact[1] in lamps])
        return _LIGHT.format(lamp=lamp, thing=thing)
    asked = rng.choice(
        [(), ("hot",), ("cool",), ("clean",), ("sliced",), ("hot", "sliced"), ("clean", "sliced")]
    )
    said = [" ".join(_ASKED[need].format(o=o) for need in asked) for o in ("?o", "?o1", "?o2")]
    if rng.random() < 0.3:
        return _TWO.format(thing=thing, target=target, asked1=said[1], asked2=said[2])
    return _PLACE.format(thing=thing, target=target, asked=said[0])
