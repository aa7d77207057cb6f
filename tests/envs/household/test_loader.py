"""Game files: what is read from them, and what is said about broken ones."""

from __future__ import annotations

import json
import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from turnwise.envs.household import engine, text
from turnwise.envs.household.game import Ability
from turnwise.envs.household.loader import GameFileError, load_game, parse_game
from turnwise.envs.household.pddl import PddlError, read, render
from turnwise.envs.household.rules import PREDICATES, check_domain

PROBLEM = """(define (problem tiny)
(:domain alfred)
(:objects
  agent1 - agent
  Fridge_bar_1 Microwave_bar_1 Desk_bar_1 - receptacle
  Egg_bar_1 Egg_bar_2 - object ; two eggs
  loc_bar_0 loc_bar_1 loc_bar_2 loc_bar_start - location
  FridgeType MicrowaveType DeskType - rtype
  EggType - otype
)
(:init
  (= (total-cost) 0)
  (atLocation agent1 loc_bar_start)
  (receptacleType Fridge_bar_1 FridgeType)
  (receptacleAtLocation Fridge_bar_1 loc_bar_0)
  (openable Fridge_bar_1)
  (receptacleType Microwave_bar_1 MicrowaveType)
  (receptacleAtLocation Microwave_bar_1 loc_bar_1)
  (receptacleType Desk_bar_1 DeskType)
  (receptacleAtLocation Desk_bar_1 loc_bar_2)
  (objectType Egg_bar_1 EggType)
  (inReceptacle Egg_bar_1 Fridge_bar_1)
  (objectAtLocation Egg_bar_1 loc_bar_0)
  (pickupable Egg_bar_1)
  (heatable Egg_bar_1)
  (objectType Egg_bar_2 EggType)
  (inReceptacle Egg_bar_2 Fridge_bar_1)
  (objectAtLocation Egg_bar_2 loc_bar_2)
  (pickupable Egg_bar_2)
  (isHot Egg_bar_2)
  (canContain DeskType EggType)
)
(:goal (and (exists (?r - receptacle) (exists (?o - object)
  (and (heatable ?o) (objectType ?o EggType) (receptacleType ?r DeskType)
       (isHot ?o) (inReceptacle ?o ?r))))))
)
"""
GRAMMAR = '''grammar :: """
{ "task": [ { "rhs": "Your task is to: heat some egg and put it in desk." } ] }
""";
action PutObject { template :: "move {o} to {r}"; feedback :: "#PutObject.feedback#"; }
'''
GOAL = PROBLEM[PROBLEM.index("(:goal") : PROBLEM.rindex(")")]
TWO = """(:goal (and (exists (?r - receptacle) (exists (?o1 - object) (and (objectType ?o1 EggType)
  (receptacleType ?r DeskType) (inReceptacle ?o1 ?r) (exists (?o2 - object) (and (not (= ?o1 ?o2))
  (objectType ?o2 EggType) (receptacleType ?r DeskType) (inReceptacle ?o2 ?r))))))))"""
LIGHT = """(:goal (and (exists (?ot - object ?r - receptacle ?a - agent ?l - location) (and
  (objectType ?ot EggType) (toggleable ?ot) (isToggled ?ot) (receptacleAtLocation ?r ?l)
  (atLocation ?a ?l) (inReceptacle ?ot ?r)))
  (exists (?o - object ?a - agent) (and (objectType ?o EggType) (holds ?a ?o)))))"""


TWO_VALUES = "'desk_bar_1' has two values of 'receptacleatlocation'; expected one"
UNSOLVABLE = "unsolvable goal: there"
IN_IT = "(inReceptacle ?o ?r)"


def document(problem: str = PROBLEM, **changes: object) -> str:
    content = {"pddl_domain": "", "grammar": GRAMMAR, "pddl_problem": problem, "solvable": True, **changes}
    return json.dumps({key: value for key, value in content.items() if value is not None})


def parse(problem: str = PROBLEM, **changes: object):
    return parse_game(document(problem, **changes), file="tiny.tw-pddl", task="tiny", strict=False)


def refusal(problem: str = PROBLEM, **changes: object) -> str:
    with pytest.raises(GameFileError) as caught:
        parse(problem, **changes)
    return str(caught.value)


def line_of(fragment: str) -> int:
    return PROBLEM[: PROBLEM.index(fragment)].count("\n") + 1


def test_a_file_becomes_a_game(act):
    game = parse(walkthrough=["go to fridge 1"])
    assert [place.name for place in game.receptacles] == ["desk 1", "fridge 1", "microwave 1"]
    assert [thing.name for thing in game.objects] == ["egg 2", "egg 1"]
    assert game.objects[0].abilities == Ability.PICKUPABLE | Ability.HEATABLE
    assert (game.task_type, game.wording, game.walkthrough) == (
        "pick_heat_then_place_in_recep", "move", ("go to fridge 1",),
    )  # fmt: skip
    assert game.instruction == "Your task is to: heat some egg and put it in desk."
    assert act(game, "go to fridge 1", "open fridge 1")[0].endswith("In it, you see a egg 2, and a egg 1.")
    assert (
        act(game, "go to microwave 1")[0] == "You arrive at microwave 1. On the microwave 1, you see nothing."
    )
    assert "you see a desk 1, a fridge 1, and a microwave 1." in text.intro(game)


def test_facts_that_disagree_are_kept_apart_as_in_the_original(act):
    """egg 1 (Egg_bar_2) is in the fridge and recorded at the desk: it can be sliced at the desk alone."""
    knife = ("Egg_bar_2 - object ; two eggs", "Egg_bar_2 Knife_bar_1 - object")
    facts = (
        "(objectType Knife_bar_1 KnifeType) (holds agent1 Knife_bar_1) (holdsAny agent1) "
        "(sliceable Egg_bar_2)"
    )
    problem = PROBLEM.replace(*knife).replace("EggType - otype", "EggType KnifeType - otype")
    game = parse(
        problem.replace("(= (total-cost) 0)", facts).replace(
            "(canContain", "(canContain DeskType KnifeType)\n(canContain"
        )
    )
    assert act(game, "inventory")[0] == "You are carrying: a knife 1."
    assert (
        act(game, "go to desk 1", "slice egg 1 with knife 1")[0] == "You sliced the egg 1 with the knife 1."
    )
    assert act(game, "go to fridge 1", "slice egg 1 with knife 1")[0] == "Nothing happens."


def test_what_is_declared_but_in_no_fact_has_no_number_as_in_the_original():
    game = parse(PROBLEM.replace("Egg_bar_1 Egg_bar_2 -", "Egg_bar_0 Egg_bar_1 Egg_bar_2 -"))
    assert [thing.name for thing in game.objects] == ["egg 2", "egg 1"]


@pytest.mark.parametrize(
    ("goal", "kind", "count", "task_type"),
    [
        (GOAL, "place", 1, "pick_heat_then_place_in_recep"),
        (GOAL.replace("(isHot ?o)", "").replace("(heatable ?o)", ""), "place", 1, "pick_and_place_simple"),
        (TWO, "place", 2, "pick_two_obj_and_place"),
    ],
)
def test_goals(goal, kind, count, task_type):
    game = parse(PROBLEM.replace(GOAL, goal))
    assert (game.goal.kind, game.goal.count, game.task_type) == (kind, count, task_type)


def test_light_goal(act):
    lamp = PROBLEM.replace("(pickupable Egg_bar_1)", "(toggleable Egg_bar_1)").replace(GOAL, LIGHT)
    game = parse(lamp)
    assert game.task_type == "look_at_obj_in_light"
    assert not engine.won(game, act(game, "go to fridge 1", "open fridge 1", "take egg 1 from fridge 1")[1])
    actions = ("go to fridge 1", "open fridge 1", "take egg 1 from fridge 1", "use egg 2")
    assert engine.won(game, act(game, *actions)[1])


@pytest.mark.parametrize(
    ("fragment", "instead", "reason"),
    [
        ("(heatable Egg_bar_1)", "(edible Egg_bar_1)", "unknown predicate 'edible'"),
        ("(heatable Egg_bar_1)", "(heatable Egg_bar_9)", "'egg_bar_9' is not declared"),
        ("(heatable Egg_bar_1)", "(heatable)", "'heatable' has 0 arguments; expected object"),
        ("(heatable Egg_bar_1)", "(heatable Desk_bar_1)", "'desk_bar_1' is declared as receptacle"),
        ("(heatable Egg_bar_1)", "heatable", "'heatable' where a fact in parentheses was expected"),
        ("(heatable Egg_bar_1)", "(heatable (Egg_bar_1))", "a list where a word was expected"),
        ("(heatable Egg_bar_1)", "()", "unknown predicate ''"),
        ("(heatable Egg_bar_1)", "(heatable \u00c9gg)", "a character outside ASCII"),
        ("(heatable Egg_bar_1)", "(objectType Egg_bar_1 DeskType)", "'desktype' is declared as rtype"),
        ("(heatable Egg_bar_1)", "(receptacleAtLocation Desk_bar_1 loc_bar_0)", TWO_VALUES),
        ("(heatable Egg_bar_1)", "(holdsAny agent1)", "0 times holds and 1 times holdsAny"),
        ("agent1 - agent", "agent1 - agent agent1 - agent", "'agent1' is declared twice"),
        ("EggType - otype", "EggType", "'eggtype' has no type"),
        ("EggType - otype", "EggType -", "'-' needs names before it"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_fact_is_told_with_its_line(fragment, instead, reason):
    message = refusal(PROBLEM.replace(fragment, instead, 1))
    line = line_of(fragment)
    assert message.startswith(f"tiny.tw-pddl: pddl_problem, line {line}: {reason}")


@pytest.mark.parametrize(
    ("goal", "reason"),
    [
        (GOAL.replace("EggType", "AppleType"), f"{UNSOLVABLE} are 0 of 1 apple"),
        (GOAL.replace("DeskType", "BedType"), f"{UNSOLVABLE} is no bed"),
        (GOAL.replace("isHot", "isCool"), f"{UNSOLVABLE} is nothing that makes egg cool"),
        (GOAL.replace(IN_IT, "(inReceptacleObject ?o ?r)"), "the goal asks for 'inreceptacleobject'"),
        (GOAL.replace(IN_IT, ""), "a goal of unknown form"),
        (TWO.replace("(= ?o1 ?o2)", "(= ?o1 ?r)"), "a goal of unknown form"),
        (TWO.replace("(not (= ?o1 ?o2))", ""), "a goal of unknown form"),
        (LIGHT.replace("(isToggled ?ot)", ""), "a goal of unknown form"),
        (LIGHT.replace("(toggleable ?ot)", "(isHot ?ot)"), "a goal of unknown form"),
        (LIGHT.replace("(atLocation ?a ?l)", ""), "a goal of unknown form"),
        (GOAL.replace(IN_IT, "(inReceptacle ?o)"), "'inreceptacle' has 1 arguments; expected 2"),
        (GOAL.replace(IN_IT, "(inReceptacle ?x ?r)"), "'?x' stands outside of the (exists ...)"),
        (GOAL.replace("(isHot ?o)", "(not (isHot ?o))"), "the goal denies something"),
        ("(:goal)", "expected one condition in (:goal ...)"),
        ("(:goal (and hot))", "'hot' where a condition was expected"),
        ("(:goal (exists ?o))", "expected (exists (variables) condition)"),
        ("", "no (:goal ...) in this definition"),
    ],
)  # fmt: skip
def test_a_goal_that_cannot_be_is_told_with_its_line(goal, reason):
    message = refusal(PROBLEM.replace(GOAL, goal))
    first = line_of("(:goal") if goal else 1
    lines = range(first, first + 3)
    assert any(message.startswith(f"tiny.tw-pddl: pddl_problem, line {n}: {reason}") for n in lines), message


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "line 1: not a game: not JSON"),
        (b"\xff\xfe\x00", "not a game: not UTF-8 text"),
        (b'{\n"a": }', "line 2: not a game: not JSON"),
        (b"[" * 100_000, "not a game: JSON nested too deep"),
        (b"[]", "not a game: JSON list, expected an object"),
        (b"{}", "pddl_domain: not a game: this text is missing"),
        (b'{"pddl_domain": 3}', "pddl_domain: not a game: this text is missing"),
    ],
)
def test_what_is_not_a_game_at_all(data, reason):
    with pytest.raises(GameFileError) as caught:
        parse_game(data, file="x", strict=False)
    assert reason in str(caught.value)


def test_files_that_say_so_are_unsolvable_and_grammars_need_a_task():
    assert "the file itself says that the game cannot be won" in refusal(solvable=False)
    assert refusal(grammar="") == (
        'tiny.tw-pddl: grammar, line 1: no rule "task" in the grammar; the goal text stands there'
    )


def test_rules_and_sentences_of_others_are_refused_when_strict():
    with pytest.raises(GameFileError, match="pddl_domain, line 1: no expression at all"):
        parse_game(document(), file="x")
    with pytest.raises(PddlError, match="the action 'look' is not that of ALFWorld"):
        check_domain("(define (domain a) (:predicates (openable ?r))\n(:action look :parameters ()))")
    with pytest.raises(PddlError, match="unknown predicate 'edible' in the domain"):
        check_domain("(define (domain a) (:predicates (edible ?r)))")
    with pytest.raises(PddlError, match=r"the action '[a-z]+' of ALFWorld is missing"):
        check_domain("(define (domain a) (:predicates (openable ?r)))")
    assert all(types for types in PREDICATES.values())


def test_the_examples_of_the_original_load_and_their_walkthroughs_win(benchmark_data):
    files = sorted((benchmark_data / "alfworld").glob("*/game.tw-pddl"))
    if not files:
        pytest.skip(f"no example game below {benchmark_data}")
    for file in files:
        game = load_game(file)
        state = game.initial
        for action in game.walkthrough:
            assert not engine.won(game, state)
            _, state = engine.step(game, state, action)
        assert engine.won(game, state)
        older = load_game(file, wording="put")
        assert (older.wording, older.initial) == ("put", game.initial)
        changed = json.loads(file.read_bytes())
        changed["pddl_domain"] = changed["pddl_domain"].replace("(not (isCool ?o))", "")
        with pytest.raises(
            GameFileError, match=r"pddl_domain, line \d+: the action 'heatobject' is not that"
        ):
            parse_game(json.dumps(changed))
        changed = json.loads(file.read_bytes())
        changed["grammar"] = changed["grammar"].replace("You arrive at {r.name}.", "You reach {r.name}.")
        with pytest.raises(
            GameFileError, match=r"strict=False plays the game with the engine's own sentences"
        ):
            parse_game(json.dumps(changed))


def test_a_file_is_parsed_once_until_it_changes(tmp_path):
    file = tmp_path / "game.tw-pddl"
    file.write_text(document())
    game = load_game(file, strict=False)
    assert load_game(file, strict=False) is game
    file.write_text(document(grammar=GRAMMAR.replace("desk.", "a desk.")))
    os.utime(file, ns=(1, 1))
    assert load_game(file, strict=False).instruction.endswith("put it in a desk.")


def test_missing_and_oversized_files(tmp_path, monkeypatch):
    with pytest.raises(GameFileError, match="cannot be read"):
        load_game(tmp_path / "none")
    with pytest.raises(GameFileError, match="cannot be read"):
        load_game(tmp_path)
    with pytest.raises(GameFileError, match="cannot be read"):
        load_game("a\0b")
    monkeypatch.setattr("turnwise.envs.household.loader.MAX_FILE_BYTES", 10)
    (tmp_path / "big").write_text(document())
    with pytest.raises(GameFileError, match="a game has at most 10"):
        load_game(tmp_path / "big")


@pytest.mark.parametrize(
    ("source", "line", "reason"),
    [
        ("(a\n(b\n)", 1, "never closed"),
        ("(a))", 1, "after the end"),
        ("a", 1, "where '(' was expected"),
        ("\n\n)", 3, "where '(' was expected"),
        (";(a)\n", 2, "no expression"),
        ("(" * 65, 1, "more than 64 parentheses"),
    ],
)
def test_pddl_errors_name_the_line(source, line, reason):
    with pytest.raises(PddlError) as caught:
        read(source)
    assert (caught.value.line, reason in caught.value.reason) == (line, True)


def test_pddl_is_read_in_lower_case_and_without_comments():
    assert render(read("(A (b  C) ; d)\n e)")) == "(a (b c) e)"


@settings(max_examples=150, deadline=None)
@given(st.integers(0, len(PROBLEM) - 1), st.integers(0, 40), st.text(alphabet="()- ;?ab\n\u00e9", max_size=8))
def test_damaged_problems_are_games_or_refused_by_line_and_never_anything_else(at, length, instead):
    try:
        parse(PROBLEM[:at] + instead + PROBLEM[at + length :])
    except GameFileError as error:
        assert error.part == "pddl_problem" and error.line >= 1
