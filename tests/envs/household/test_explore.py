from __future__ import annotations

import inspect
from itertools import pairwise

import numpy as np
import pytest

from turnwise.envs import make
from turnwise.envs.household import engine, explore, text
from turnwise.envs.household.explore import Explorer, parse_instruction
from turnwise.envs.household.game import TASK_TYPES, Game, TaskType
from turnwise.envs.household.generate import STEP_LIMIT, generate
from turnwise.errors import UsageError


def episode(game: Game, seed: int, slip: float = 0.0) -> tuple[bool, list[str], list[str]]:
    """Play a game; return whether it was won, the actions, the observations."""
    explorer = Explorer(game.instruction, np.random.default_rng(seed), slip=slip)
    state, observation = game.initial, text.intro(game)
    actions: list[str] = []
    observations: list[str] = []
    while len(actions) < STEP_LIMIT and not engine.won(game, state):
        actions.append(explorer.act(observation, engine.admissible(game, state)))
        observation, state = engine.step(game, state, actions[-1])
        observations.append(observation)
    return engine.won(game, state), actions, observations


@pytest.mark.parametrize(
    ("sentence", "chore"),
    [
        ("put a mug in desk.", ("place", "mug", "desk")),
        ("put some mug on desk.", ("place", "mug", "desk")),
        ("look at book under the desklamp.", ("light", "book", "desklamp")),
        ("examine the book with the desklamp.", ("light", "book", "desklamp")),
        ("put a clean egg in fridge.", ("clean", "egg", "fridge")),
        ("clean some egg and put it in fridge.", ("clean", "egg", "fridge")),
        ("put a hot egg in fridge.", ("heat", "egg", "fridge")),
        ("heat some egg and put it in fridge.", ("heat", "egg", "fridge")),
        ("put a cool egg in fridge.", ("cool", "egg", "fridge")),
        ("cool some egg and put it in fridge.", ("cool", "egg", "fridge")),
        ("put two cd in safe.", ("two", "cd", "safe")),
        ("find two cd and put them in safe.", ("two", "cd", "safe")),
    ],
)
def test_instructions_are_read(sentence: str, chore: tuple[str, str, str]) -> None:
    assert parse_instruction(f"Your task is to: {sentence}") == chore


def test_other_words_are_refused() -> None:
    with pytest.raises(UsageError, match="tidy up"):
        Explorer("tidy up", np.random.default_rng(0))


@pytest.mark.parametrize("task_type", TASK_TYPES)
@pytest.mark.parametrize("difficulty", ["small", "medium", "full"])
def test_it_wins_most_games_and_is_no_oracle(task_type: TaskType, difficulty: str) -> None:
    games = [generate(task_type, seed, "unseen", difficulty) for seed in range(20)]
    played = [episode(game, seed) for seed, game in enumerate(games)]
    assert sum(won for won, _, _ in played) >= 18
    needed = sum(len(game.walkthrough) for game in games)
    assert sum(len(actions) for _, actions, _ in played) > 1.15 * needed


@pytest.mark.parametrize("task_type", TASK_TYPES)
def test_it_does_nothing_in_vain(task_type: TaskType) -> None:
    for seed in range(20):
        _, actions, observations = episode(generate(task_type, seed, "seen", "full"), seed)
        assert "Nothing happens." not in observations
        assert all(before != after or not before.startswith("go to") for before, after in pairwise(actions))


def test_the_same_seed_plays_the_same_game() -> None:
    game = generate("pick_two_obj_and_place", 8, "train", "full")
    assert episode(game, 1) == episode(game, 1)
    assert len({tuple(episode(game, seed)[1]) for seed in range(8)}) > 2


def test_slips_cost_turns() -> None:
    games = [generate("pick_cool_then_place_in_recep", seed, "train", "medium") for seed in range(20)]
    careful = sum(len(episode(game, 0)[1]) for game in games)
    clumsy = sum(len(episode(game, 0, slip=0.4)[1]) for game in games)
    assert clumsy > 1.3 * careful


def test_it_understands_the_wording_of_the_first_releases() -> None:
    for seed in range(10):
        game = generate("pick_heat_then_place_in_recep", seed, "train", "small", wording="put")
        assert episode(game, seed)[0]


def test_it_sees_texts_only() -> None:
    """The module knows neither the game nor its state, so it cannot look behind doors."""
    source = inspect.getsource(explore)
    assert "from .game" not in source
    assert "from .engine" not in source
    assert "from .plan" not in source


def test_it_looks_where_things_are_likely_first() -> None:
    places = ["fridge 1", *(f"drawer {n}" for n in range(1, 6)), *(f"stoveburner {n}" for n in range(1, 5))]
    options = [f"go to {place}" for place in places]
    first = [Explorer("heat some egg and put it in fridge.", np.random.default_rng(n)) for n in range(50)]
    assert sum(explorer.act("", options) == "go to fridge 1" for explorer in first) > 40


def test_it_puts_down_what_it_should_not_carry() -> None:
    explorer = Explorer("put a mug in desk.", np.random.default_rng(0))
    explorer.act("You pick up the pen 1 from the desk 1.", ["go to bed 1", "move pen 1 to desk 1"])
    options = ["examine pen 1", "go to bed 1", "move pen 1 to desk 1"]
    assert explorer.act("You pick up the pen 1 from the desk 1.", options) == "move pen 1 to desk 1"
    assert (
        explorer.act("You arrive at bed 1. On the bed 1, you see nothing.", ["go to desk 1"])
        == "go to desk 1"
    )


def test_it_returns_to_what_it_has_seen() -> None:
    explorer = Explorer("find two pen and put them in bed.", np.random.default_rng(0))
    explorer.act(
        "You arrive at desk 1. On the desk 1, you see a pen 1, a mug 2, and a pen 2.", ["go to bed 1"]
    )
    explorer.act("You pick up the pen 1 from the desk 1.", ["go to bed 1", "go to desk 1"])
    options = ["examine bed 1", "go to desk 1", "go to shelf 1", "take pen 1 from bed 1"]
    assert explorer.act("You move the pen 1 to the bed 1.", options) == "go to desk 1"


def test_the_explorer_says_what_it_is_at() -> None:
    """A whole chore, whose subgoals are known beforehand: find, heat, put."""
    found = False
    for seed in range(30):
        env = make("household/pick_heat_then_place_in_recep-v0", split="train", difficulty="small")
        text, info = env.reset(seed=seed)
        explorer = Explorer(info["instruction"], np.random.default_rng(seed))
        chore, said = explorer.chore, []
        for _ in range(50):
            action = explorer.act(text, info["admissible"])
            said.append(explorer.subgoal)
            text, _, done, cut, info = env.step(action)
            if done or cut:
                break
        changes = [now for now, before in zip(said, ["", *said], strict=False) if now != before]
        assert set(changes) <= {
            f"find {chore.obj}",
            f"heat {chore.obj}",
            f"put {chore.obj} in {chore.target}",
        }
        found = found or changes == [
            f"find {chore.obj}",
            f"heat {chore.obj}",
            f"put {chore.obj} in {chore.target}",
        ]
    assert found
