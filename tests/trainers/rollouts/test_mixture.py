"""A mixture of environments in one run.

1. The recipe: tables are typed, checked, overridable and written back.
2. Weights decide the groups; an update is a function of seed and number; a group is in one environment.
3. One environment draws nothing, so its runs are what they were without mixtures.
4. A run over two environments logs and evaluates each, and a resumed one equals the uninterrupted one.
5. What each world rewards on the way can be a column of the table that credit reads.
6. One server hosts household, shopping, search and calling for one run over HTTP (slow).
"""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import turnwise
from turnwise.agents.tiny.checkpoint import load_model
from turnwise.agents.types import Trajectory, Turn
from turnwise.errors import UnknownName, UsageError
from turnwise.servers.isolation.arguments import parse_rules
from turnwise.streams import Stream, rng
from turnwise.trainers.credit import TurnTable
from turnwise.trainers.own_server import allowing, offering
from turnwise.trainers.recipe import Recipe, dump, from_tables, load
from turnwise.trainers.rollouts.mixture import EnvChoice, choices_of, draw_choices, names_of
from turnwise.trainers.rollouts.tasks import drawn_picks, train_tasks
from turnwise.trainers.runs import checkpoint
from turnwise.trainers.runs.log import read_log
from turnwise.trainers.train import train

MIXTURE = """
[env]
kwargs = {a = 1, b = 1}
train_kwargs = {split = "train"}
eval_kwargs = {split = "unseen"}

[[env.mix]]
id = "one/world-v0"
weight = 3
kwargs = {b = 2}

[[env.mix]]
id = "other/world-v0"
eval_kwargs = {split = "seen"}
"""


def test_tables_lie_above_the_section() -> None:
    one, other = choices_of(from_tables(tomllib.loads(MIXTURE)).env)
    assert one == EnvChoice(
        "one/world-v0", {"a": 1, "b": 2, "split": "train"}, {"a": 1, "b": 2, "split": "unseen"}, 3.0
    )
    assert other.eval_kwargs == {"a": 1, "b": 1, "split": "seen"}
    assert other.weight == 1.0


def test_a_mixture_is_written_back() -> None:
    recipe = from_tables(tomllib.loads(MIXTURE))
    assert from_tables(tomllib.loads(dump(recipe))) == recipe
    assert names_of(recipe.env) == "one/world-v0 + other/world-v0"


def test_a_mixture_can_be_overridden() -> None:
    recipe = load("tiny", ['env.mix=[{id="one/world-v0"}, {id="other/world-v0", weight=2.0}]'])
    assert [world.weight for world in choices_of(recipe.env)] == [1.0, 2.0]


@pytest.mark.parametrize(
    ("tables", "error", "text"),
    [
        ([{"id": "a/b-v0", "wieght": 1.0}], UnknownName, "did you mean 'weight'"),
        ([{"id": 3}], UsageError, r"env\.mix\[0\]\.id = 3; expected a text"),
        (["a/b-v0"], UsageError, "expected a table"),
        ([{"weight": 1.0}], UsageError, r"env\.mix\[0\] has no id"),
        ([{"id": "a/b-v0", "weight": 0}], UsageError, "weight is 0.0; expected a positive number"),
        ([{"id": "a/b-v0"}, {"id": "a/b-v0"}], UsageError, "a/b-v0 more than once"),
    ],
)
def test_wrong_tables_are_refused(tables: list[object], error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        choices_of(from_tables({"env": {"mix": tables}}).env)


def drawn(seed: int, update: int) -> np.random.Generator:
    return rng(seed, Stream.WORLDS, update)


def test_weights_decide_the_groups() -> None:
    worlds = [EnvChoice(name, {}, {}, weight) for name, weight in (("a", 3.0), ("b", 1.0), ("c", 0.5))]
    total: Counter[str] = Counter()
    for update in range(200):
        chosen = Counter(world.id for world in draw_choices(worlds, 9, drawn(0, update)))
        assert chosen["a"] == 6
        assert chosen["b"] == 2
        total += chosen
    assert total["c"] == 200
    many = Counter(world.id for update in range(300) for world in draw_choices(worlds, 5, drawn(1, update)))
    assert many["a"] / 1500 == pytest.approx(3 / 4.5, abs=0.02)
    assert many["c"] / 1500 == pytest.approx(0.5 / 4.5, abs=0.02)
    assert draw_choices(worlds, 9, drawn(0, 5)) == draw_choices(worlds, 9, drawn(0, 5))
    orders = {tuple(world.id for world in draw_choices(worlds, 9, drawn(0, update))) for update in range(20)}
    assert len(orders) > 10


def test_a_group_stays_in_one_environment() -> None:
    recipe = from_tables(tomllib.loads(MIXTURE))
    choices = choices_of(recipe.env)
    drawing = choices, range(16), recipe.rollout.group_size, recipe.train.seed, 2
    tasks = train_tasks(drawn_picks(*drawing), 2)
    groups: dict[str, set[tuple[str, int]]] = {}
    for task in tasks:
        groups.setdefault(task.group, set()).add((task.env_id, task.seed))
    assert len(groups) == 16
    assert all(len(each) == 1 for each in groups.values())
    assert Counter(task.env_id for task in tasks) == {"one/world-v0": 12 * 8, "other/world-v0": 4 * 8}
    assert tasks == train_tasks(drawn_picks(*drawing), 2)


@pytest.fixture
def two_worlds(lights: Callable[..., Recipe], lights_file: Path) -> Callable[..., Recipe]:
    """Return a maker of recipes over two environments of a user's own, of which one is never won."""
    dark = lights_file.with_name("dark.py")
    dark.write_text(lights_file.read_text().replace("Lights", "Dark").replace("self.right == 3", "False"))
    mix = [{"id": f"{lights_file}:Lights"}, {"id": f"{dark}:Dark", "weight": 2.0}]

    def make(**changes: dict[str, object]) -> Recipe:
        return lights(env={"mix": mix}, rollout={"num_groups": 6, "group_size": 4}, **changes)

    return make


def test_a_run_over_two_environments(two_worlds: Callable[..., Recipe], tmp_path: Path) -> None:
    recipe = two_worlds(eval={"every": 2, "episodes": 10})
    straight, parted = tmp_path / "straight", tmp_path / "parted"
    train(recipe, straight)
    train(replace(recipe, train=replace(recipe.train, num_updates=2)), parted)
    train(recipe, parted, resume=True)
    log = read_log(straight)
    lights, dark = (world.id for world in choices_of(recipe.env))
    update = next(entry for entry in log if entry["kind"] == "update")
    evaluation = next(entry for entry in log if entry["kind"] == "eval")
    assert update[f"success_rate/{dark}"] == 0.0
    assert update["success_rate"] == pytest.approx(update[f"success_rate/{lights}"] / 3)
    assert evaluation["eval/episodes"] == 20
    assert evaluation[f"eval/{dark}/success_rate"] == 0.0
    assert evaluation["eval/success_rate"] == evaluation[f"eval/{lights}/success_rate"] / 2
    one, two = (load_model(checkpoint.load(checkpoint.latest(run / "checkpoints")).policy).state_dict()
                for run in (straight, parted))  # fmt: skip
    assert all(torch.equal(one[name], two[name]) for name in one)
    saved = checkpoint.load(checkpoint.latest(straight / "checkpoints"))
    assert set(saved.state["fingerprints"]) == {lights, dark}


@pytest.mark.parametrize("env_id", ["household/demo-v0", "shopping/generated-v0", "search/generated-v1",
                                    "calling/office-v1"])  # fmt: skip
def test_every_tier_can_be_a_column(env_id: str) -> None:
    env = turnwise.make(env_id)
    _, info = env.reset(seed=0, options={"expert": True})
    turns, done = [], False
    while not done:
        *_, terminated, truncated, info = env.step(info["private"]["expert"])
        turns.append(Turn(len(turns), "", "", "", 0.0, "", rewards=info["rewards"]))
        done = terminated or truncated
    table = TurnTable.from_trajectories(
        [Trajectory(env_id, "task", 0, "group", tuple(turns), "terminated", success=True)]
    )
    assert {tier for turn in turns for tier in turn.rewards} <= set(table.columns)


@pytest.mark.slow
def test_four_worlds_train_in_one_run_over_one_server(tmp_path: Path) -> None:
    recipe = load(
        "mixture",
        [
            "warmstart.episodes=16",
            "warmstart.max_steps=4",
            "warmstart.copy_steps=2",
            "policy.vocab_size=512",
            "policy.hidden_size=32",
            "policy.num_layers=2",
            "rollout.num_groups=5",
            "rollout.group_size=2",
            "train.num_updates=2",
            "train.max_seconds=0",
            "eval.every=0",
            "eval.episodes=4",
            "log.console=false",
            "log.trajectories=all",
        ],
    )
    run = tmp_path / "run"
    assert train(recipe, run).update == 2
    worlds = {world.id.split("/")[0] for world in choices_of(recipe.env)}
    assert worlds == {"household", "shopping", "search", "calling"}
    log = read_log(run)
    updates = [entry for entry in log if entry["kind"] == "update"]
    for entry in updates:
        assert {key.split("/")[1] for key in entry if key.startswith("success_rate/")} == worlds
        assert entry["rollout/errors"] == 0
    saved = checkpoint.load(checkpoint.latest(run / "checkpoints"))
    assert len(saved.state["fingerprints"]) == 4


def test_a_server_of_its_own_takes_the_numbers_of_its_recipe() -> None:
    (search,) = [choice for choice in choices_of(load("mixture").env) if choice.id == "search/generated-v1"]
    assert allowing([search]) == ["--argument", "search/generated-v1:num_questions<=100000"]
    few = replace(search, train_kwargs={"num_questions": 50}, eval_kwargs={"num_questions": 20})
    assert allowing([few]) == ["--argument", "search/generated-v1:num_questions>=20"]
    assert allowing([replace(search, train_kwargs={}, eval_kwargs={"num_questions": 4000})]) == []


def test_a_server_of_its_own_fixes_what_is_an_operators() -> None:
    table = EnvChoice("rows/table-v0", {"data": "a b.jsonl", "split": "train"}, {"data": "a b.jsonl"})
    assert allowing([table]) == ["--argument", 'rows/table-v0:data="a b.jsonl"']
    (rule,) = parse_rules(allowing([table])[1:])
    assert (rule.env_id, rule.name, rule.fixed, rule.value) == ("rows/table-v0", "data", True, "a b.jsonl")
    with pytest.raises(UsageError, match="for training and not given for evaluation"):
        allowing([replace(table, eval_kwargs={})])


def test_a_server_of_its_own_offers_registered_ones_beside_others() -> None:
    assert offering(["household/demo-v0", "calling/office-v1"]) == []
    both = ["--env", "household/demo-v0", "--env", "mine.py:Mine"]
    assert offering(["household/demo-v0", "mine.py:Mine", "household/demo-v0"]) == both
    assert offering(["FrozenLake-v1"]) == ["--env", "FrozenLake-v1"]
