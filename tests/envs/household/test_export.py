from __future__ import annotations

import dataclasses
import json
import os
import subprocess
from pathlib import Path

import pytest

from turnwise.envs.household import engine, text
from turnwise.envs.household.export import Logic, read_logic, to_original, write_original
from turnwise.envs.household.game import TASK_TYPES, Ability, TaskType
from turnwise.envs.household.generate import canonical_bytes, generate, layout_of
from turnwise.envs.household.loader import load_game
from turnwise.errors import UsageError

ROOT = Path(__file__).resolve().parents[3]
TEMPLATE = Logic(
    "(define (domain alfred))",
    'grammar :: """{"task": [{"rhs": "Your task is to: UNKNOWN GOAL."}]}""";\ntemplate :: "move {o} to {r}";',
)


@pytest.fixture(scope="module")
def original(benchmark_data: Path) -> Path:
    path = benchmark_data / "alfworld" / "example_game_heat" / "game.tw-pddl"
    if not path.is_file():
        pytest.skip(f"no game file of the original at {path}")
    return path


def test_the_sentence_is_frozen_into_the_grammar() -> None:
    game = generate("pick_and_place_simple", 0, "train", "small")
    document = to_original(game, TEMPLATE)
    assert "UNKNOWN" not in document["grammar"]
    assert f'"rhs": "{game.instruction}"' in document["grammar"]
    assert document["pddl_domain"] == TEMPLATE.domain
    assert document["walkthrough"] == list(game.walkthrough)
    assert document["solvable"] is True


def test_quotes_in_a_sentence_are_escaped() -> None:
    game = dataclasses.replace(
        generate("pick_and_place_simple", 0, "train", "small"), instruction='Your task is to: say "hi" \\1.'
    )
    grammar = to_original(game, TEMPLATE)["grammar"]
    assert json.loads(grammar.split('"""')[1])["task"][0]["rhs"] == game.instruction


def test_the_walkthrough_speaks_the_wording_of_the_grammar() -> None:
    game = generate("pick_and_place_simple", 0, "train", "small", wording="put")
    assert to_original(game, TEMPLATE)["walkthrough"][-1].startswith("move ")
    old = Logic(TEMPLATE.domain, TEMPLATE.grammar.replace("move {o} to {r}", "put {o} in/on {r}"))
    assert to_original(game, old)["walkthrough"][-1].startswith("put ")


def test_the_problem_states_every_fact() -> None:
    game = generate("look_at_obj_in_light", 2, "train", "medium")
    problem = to_original(game, TEMPLATE)["pddl_problem"]
    assert problem.count("(") == problem.count(")")
    for place in game.receptacles:
        assert f"(receptacleType {place.id} {place.type}Type)" in problem
        assert (f"(openable {place.id})" in problem) == place.openable
    for thing in game.objects:
        assert f"(objectType {thing.id} {thing.type}Type)" in problem
        assert (f"(pickupable {thing.id})" in problem) == (Ability.PICKUPABLE in thing.abilities)
        assert f"(inReceptacle {thing.id} " in problem
    assert "(isToggled ?ot)" in problem
    assert f"(objectType ?o {game.goal.object_type}Type)" in problem


def test_states_in_the_middle_of_a_game_are_exported_too() -> None:
    game = generate("pick_heat_then_place_in_recep", 1, "train", "small")
    state = game.initial
    for action in game.walkthrough[:-2]:
        _, state = engine.step(game, state, action)
    assert state.held >= 0
    problem = to_original(dataclasses.replace(game, initial=state), TEMPLATE)["pddl_problem"]
    thing = game.objects[state.held].id
    assert f"(isHot {thing})" in problem
    assert f"(holds agent1 {thing})" in problem
    assert "(holdsAny agent1)" in problem
    assert f"(inReceptacle {thing} " not in problem


def test_a_grammar_without_a_task_is_refused() -> None:
    game = generate("pick_and_place_simple", 0, "train", "small")
    with pytest.raises(UsageError, match="Your task is to"):
        to_original(game, Logic("", "{}"))


def test_logic_comes_from_a_folder_or_a_game_file(tmp_path: Path) -> None:
    (tmp_path / "alfred.pddl").write_text("domain")
    (tmp_path / "alfred.twl2").write_text("grammar")
    assert read_logic(tmp_path) == Logic("domain", "grammar")
    file = tmp_path / "game.tw-pddl"
    file.write_text(json.dumps({"pddl_domain": "d", "grammar": "g"}))
    assert read_logic(file) == Logic("d", "g")


@pytest.mark.parametrize("content", ["no json", "[]", '{"grammar": "g"}'])
def test_a_file_without_logic_is_refused(tmp_path: Path, content: str) -> None:
    file = tmp_path / "game.tw-pddl"
    file.write_text(content)
    with pytest.raises(UsageError, match="no domain and grammar"):
        read_logic(file)
    with pytest.raises(UsageError, match="no domain and grammar"):
        read_logic(tmp_path)


@pytest.mark.parametrize("task_type", TASK_TYPES)
def test_our_loader_reads_back_what_was_exported(task_type: TaskType, original: Path, tmp_path: Path) -> None:
    game = generate(task_type, 3, "test", "medium")
    loaded = load_game(write_original(game, tmp_path, original))
    same = dataclasses.replace(loaded, task=game.task)
    assert text.intro(same) == text.intro(game)
    # Original files are read without regard to case, so ids and classes come back in lower case.
    assert canonical_bytes(same).lower() == canonical_bytes(game).lower()
    assert layout_of(same) == layout_of(game)
    assert loaded.walkthrough == game.walkthrough


@pytest.mark.oracle
def test_the_original_engine_plays_exported_games_to_the_win(original: Path, tmp_path: Path) -> None:
    python = Path(os.environ.get("TURNWISE_ORACLE", ROOT / ".oracle" / "bin" / "python"))
    if not python.is_file():
        pytest.skip(f"the original engine is not installed at {python}: make oracle")
    games = [generate(task_type, 5, "unseen", "small") for task_type in TASK_TYPES]
    files = [write_original(game, tmp_path / str(i), original) for i, game in enumerate(games)]
    ran = subprocess.run(
        [str(python), str(ROOT / "benchmarks" / "household" / "oracle_plans.py"), *map(str, files)],
        env={**os.environ, "ALFWORLD_DATA": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    for game, line in zip(games, ran.stdout.splitlines(), strict=True):
        played = json.loads(line)
        assert played["intro"] == text.intro(game)
        assert played["walkthrough_wins"] is True
        assert played["plan_length"] >= len(game.walkthrough)
