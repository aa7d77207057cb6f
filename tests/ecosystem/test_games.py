"""Games of TextArena and data sets of reasoning-gym pass the check, and keep to themselves."""

from __future__ import annotations

import random
import re
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

import turnwise
from turnwise.envs.check import check_environment
from turnwise.errors import UnknownName, UsageError

pytestmark = pytest.mark.ecosystem


@pytest.mark.parametrize(
    "id",
    [
        "textarena:GuessTheNumber-v0",
        pytest.param("textarena:FrozenLake-v0-random", marks=pytest.mark.slow),
        pytest.param("textarena:Blackjack-v0", marks=pytest.mark.slow),
        "reasoning-gym:leg_counting",
        pytest.param("reasoning-gym:zebra_puzzles", marks=pytest.mark.slow),
    ],
)
def test_it_passes_the_check(id: str) -> None:
    found = {verdict.name: verdict for verdict in check_environment(id, seeds=(0, 1), num_turns=6)}
    assert {name: each.detail for name, each in found.items() if each.outcome == "failed"} == {}
    assert found["clone equals replay"].outcome == "passed"
    assert found["expert solves it"].outcome == ("passed" if id.startswith("reasoning") else "skipped")


def test_a_game_is_played_to_its_end_and_won() -> None:
    with turnwise.make("textarena:GuessTheNumber-v0") as env:
        observation, info = env.reset(seed=5)
        assert "between 1 and 20" in info["instruction"] and observation == info["instruction"]
        low, high, keys = 1, 20, {info["state_key"]}
        for _ in range(5):
            tried = (low + high) // 2
            said, reward, over, _, info = env.step(str(tried))
            assert info["state_key"] not in keys and str(tried) not in said
            keys.add(info["state_key"])
            if over:
                break
            low, high = (tried + 1, high) if "higher" in said else (low, tried - 1)
        assert (reward, over, info["won"], info["score"]) == (1.0, True, True, 1.0)
        assert env.step("3")[:4] == ("", 0.0, True, False)


def test_games_side_by_side_are_as_each_alone_and_leave_chance_alone() -> None:
    def alone(seed: int) -> list[Any]:
        with turnwise.make("textarena:Blackjack-v0") as env:
            return [env.reset(seed=seed), *(env.step(action) for action in ("hit", "stand", "hit"))]

    expected = [alone(1), alone(2)]
    random.seed(7)
    before = random.getstate()
    with turnwise.make("textarena:Blackjack-v0") as one, turnwise.make("textarena:Blackjack-v0") as other:
        played: list[list[Any]] = [[one.reset(seed=1)], [other.reset(seed=2)]]
        for action in ("hit", "stand", "hit"):
            played[1].append(other.step(action))
            played[0].append(one.step(action))
    assert played == expected and random.getstate() == before


def free(seen: str) -> list[str]:
    """Return the cells that nobody has."""
    return re.findall(r"'\[(\d)\]'", seen.rpartition("Available Moves")[2])


def first_free(seen: str) -> str:
    """Take the first cell that nobody has."""
    return f"[{free(seen)[0]}]"


def test_a_game_for_two_against_a_fixed_opponent() -> None:
    seats = {}
    for seat in (0, 1):
        with turnwise.make("textarena:TicTacToe-v0", players=2, seat=seat, opponent=first_free) as env:
            seen, info = env.reset(seed=0)
            over = False
            while not over:
                seen, reward, over, _, info = env.step(free(seen)[-1])
            seats[seat] = (reward, info["won"])
    assert seats == {0: (1.0, True), 1: (-1.0, False)}  # 8, 7, 6 against 0, 1; and 0, 1, 2 against 8, 7
    with pytest.raises(UsageError, match="with 1 players"), turnwise.make("textarena:TicTacToe-v0") as env:
        env.reset(seed=0)


def test_a_question_is_scored_as_reasoning_gym_scores_it() -> None:
    import reasoning_gym

    with turnwise.make("reasoning-gym:leg_counting", attempts=2, config={"max_animals": 4}) as env:
        question, info = env.reset(seed=3, options={"expert": True})
        number = int(info["task"].rpartition("/")[2])
        entry = reasoning_gym.create_dataset("leg_counting", seed=number, size=1, max_animals=4)[0]
        assert question == entry["question"] and info["private"] == {
            "expert": f"<answer>{entry['answer']}</answer>"
        }
        said, reward, over, _, info = env.step("<answer>-1</answer>")
        assert (said.startswith("That is not right."), reward, over, info["won"]) == (True, 0.0, False, False)
        assert env.step(f"It is <answer> {entry['answer']} </answer>.")[1:3] == (1.0, True)


def test_splits_are_apart_and_wrong_names_are_told() -> None:
    tasks = {}
    for split in ("train", "seen", "test"):
        with turnwise.make("reasoning-gym:leg_counting", split=split) as env:
            tasks[split] = {env.reset(seed=seed)[1]["task"] for seed in range(30)}
    assert not (tasks["train"] & tasks["seen"] or tasks["train"] & tasks["test"])
    for id, kwargs, error in (
        ("textarena:GuessTheNumbers-v0", {}, UnknownName),
        ("reasoning-gym:legcounting", {}, UnknownName),
        ("reasoning-gym:leg_counting", {"split": "unseen"}, UnknownName),
        ("reasoning-gym:leg_counting", {"config": {"min_animals": 0}}, UsageError),
        ("reasoning-gym:leg_counting", {"config": {"seed": 3}}, UsageError),
    ):
        with pytest.raises(error):
            turnwise.make(id, **kwargs)


def test_answers_are_not_run_unless_that_is_said(tmp_path: Path) -> None:
    import reasoning_gym

    from turnwise.envs.adapters.reasoning_gym import _evaluates

    sets = {name: kind for name, (kind, _) in reasoning_gym.factory.DATASETS.items()}
    assert {name for name, kind in sets.items() if _evaluates(kind)} == {
        "binary_matrix",
        "composite",
        "countdown",
        "intermediate_integration",
        "n_queens",
        "polynomial_multiplication",
        "puzzle24",
        "simple_integration",
        "spiral_matrix",
        "string_insertion",
    }
    file = tmp_path / "harm"
    with pytest.raises(UsageError, match="evaluates answers as Python code"):
        turnwise.make("reasoning-gym:spiral_matrix")
    with turnwise.make("reasoning-gym:spiral_matrix", evaluates=True) as env:
        env.reset(seed=0)
        assert env.step(f"[__import__('pathlib').Path({str(file)!r}).touch()]")[1] == 0.0
        assert file.exists(), "this is why it is refused"


def test_versions_are_told(record_testsuite_property: Any) -> None:
    for package in ("TextArena", "reasoning-gym"):
        record_testsuite_property(package, version(package))
