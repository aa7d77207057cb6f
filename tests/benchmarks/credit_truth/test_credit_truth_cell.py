"""The policy, the contestants and a whole cell of the benchmark, small."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from random import Random

import numpy as np
import pytest
from cell import Cell, roll_out, run_cell
from contestants import CONTESTANTS, LEFT_OUT, advantages_of, batch_of, table_of
from episodes import record, rows_of
from forks import Situation
from kept import load, load_truth, save, save_truth
from reader import NUM_PARAMETERS, ROLES, Reader
from tables import as_json, as_markdown

import turnwise
import turnwise.credit as credit
from turnwise.trainers.reports.truth.critics import Critics
from turnwise.trainers.reports.truth.measures import MEASURES, bounds

CELL = Cell(
    "small",
    12,
    0.6,
    num_tasks=2,
    group_size=3,
    num_rollouts=4,
    redrawn_turns=4,
    num_redraws=4,
    num_resamples=4,
)


def start(task: int = 0, strength: float = 0.6) -> Situation:
    world = turnwise.make("household/mix-v0", difficulty="small", max_turns=12)
    _, info = world.reset(seed=task)
    return Situation(world, Reader(info["instruction"], 12, strength), info["state_key"], info["admissible"])


def role(reader: Reader, action: str) -> str:
    return list(ROLES)[reader.role(action)]


def test_the_policy_reads_what_is_to_be_done() -> None:
    reader = Reader("Your task is to: heat some egg and put it in garbagecan.", 20, 1.0)
    assert role(reader, "go to fridge 1") == "go to a likely place"
    assert role(reader, "open fridge 1") == "open what was not seen"
    reader.observe("You open the fridge 1. The fridge 1 is open. In it, you see a cup 1, and a egg 2.")
    assert role(reader, "go to fridge 1") == "go where the thing was seen"
    assert role(reader, "take egg 2 from fridge 1") == "take the thing"
    assert role(reader, "take cup 1 from fridge 1") == "take another thing"
    reader.observe("You pick up the egg 2 from the fridge 1.")
    assert role(reader, "go to garbagecan 1") == "go elsewhere with the thing"
    assert role(reader, "go to microwave 1") == "go to the appliance"
    assert role(reader, "move egg 2 to garbagecan 1") == "put it elsewhere"
    assert role(reader, "heat egg 2 with microwave 1") == "treat it as asked"
    assert role(reader, "cool egg 2 with fridge 1") == "treat it otherwise"
    reader.observe("You heat the egg 2 using the microwave 1.")
    assert role(reader, "heat egg 2 with microwave 1") == "treat it otherwise"
    assert role(reader, "go to garbagecan 1") == "go to the target"
    assert role(reader, "move egg 2 to garbagecan 1") == "put it into the target"
    assert reader.turn == 3


def test_a_fork_of_the_memory_stands_alone() -> None:
    reader = Reader("Your task is to: put a mug in desk.", 20, 1.0)
    other = reader.fork()
    other.observe("On the desk 1, you see a mug 1.")
    assert reader.contents == {}
    assert other.turn == 1
    assert reader.turn == 0


def test_probabilities_and_their_gradient() -> None:
    reader = Reader("Your task is to: put a mug in desk.", 20, 0.5)
    reader.observe("On the shelf 1, you see a mug 1.")
    actions = ["go to shelf 1", "look", "inventory"]
    # weights exp(4 / 2), exp(-1 / 2), exp(-1 / 2)
    weight = np.exp([2, -0.5, -0.5])
    chance = reader.probabilities(actions)
    np.testing.assert_allclose(chance, weight / weight.sum())
    look = list(ROLES).index("look")
    assert reader.gradient(actions, "look")[look] == pytest.approx(0.5 * (1 - chance[1] - chance[2]))
    assert reader.gradient(actions, "go to shelf 1")[look] == pytest.approx(-0.5 * (chance[1] + chance[2]))
    # the expected gradient of a log-probability is 0
    mean = sum(p * reader.gradient(actions, action) for p, action in zip(chance, actions, strict=True))
    np.testing.assert_allclose(mean, np.zeros(NUM_PARAMETERS), atol=1e-12)
    drawn = [reader.act(actions, Random(seed)) for seed in range(1000)]
    assert drawn.count("go to shelf 1") / 1000 == pytest.approx(chance[0], abs=0.05)


def test_every_estimator_is_measured_or_left_out_with_a_reason() -> None:
    ours = {name for name in credit.names() if credit.get(name).function.__module__.startswith("turnwise.")}
    assert {each.name for each in CONTESTANTS} | set(LEFT_OUT) == ours
    assert all(LEFT_OUT.values())


def test_critics_do_not_see_the_task_that_they_judge() -> None:
    draw = Random(0)
    episodes = [record(task, start(task), draw)[0] for task in (0, 1, 2) for _ in range(4)]
    rows = rows_of(episodes, [each.task for each in episodes])
    steps = [
        replace(step, reward=1.0) if task == 1 else step
        for step, task in zip(rows.steps, rows.task_N.tolist(), strict=True)
    ]
    lied = replace(rows, steps=steps)
    batch = batch_of(rows)
    honest_N = Critics(batch, 3).values(batch, 0.9)
    fooled_N = Critics(batch_of(lied), 3).values(batch, 0.9)
    mine_N = rows.task_N == 1
    np.testing.assert_allclose(fooled_N[mine_N], honest_N[mine_N])
    assert np.abs(fooled_N[~mine_N] - honest_N[~mine_N]).max() > 0.1


def test_an_episode_is_cut_and_continued() -> None:
    draw = Random(3)
    episode, forks, slopes = record(0, start(), draw)
    rest, _, _ = record(0, forks[2], draw)
    joined = episode.followed_by(1, rest)
    assert joined.steps[:2] == episode.steps[:2]
    assert joined.steps[2:] == rest.steps
    assert len(joined.feature_TF) == len(joined.role_T) == len(joined.stage_T) == len(joined.steps)
    assert len(forks) == len(slopes) + 1
    table = table_of(rows_of([episode, joined], [0, 0]))
    assert table.num_trajectories == 2
    assert table.lengths.tolist() == [len(episode.steps), len(joined.steps)]


def test_contestants_answer_with_finite_numbers() -> None:
    draw = Random(1)
    episodes = [record(task, start(task), draw)[0] for task in (0, 1, 2) for _ in range(3)]
    rows = rows_of(episodes, [each.task for each in episodes])
    found = advantages_of(rows, Critics(batch_of(rows), 3))
    assert list(found) == [each.label for each in CONTESTANTS]
    for label, advantage_N in found.items():
        assert advantage_N.shape == (len(rows.steps),), label
        assert np.isfinite(advantage_N).all(), label


def test_a_cell_repeats_itself_is_kept_and_makes_a_page(tmp_path: Path) -> None:
    one = run_cell(CELL)
    save_truth(tmp_path, CELL, roll_out(CELL))
    truth = load_truth(tmp_path, replace(CELL, num_redraws=8))  # redraws are none of its concern
    assert truth is not None
    np.testing.assert_array_equal(one.measures, run_cell(CELL, truth).measures)
    assert load_truth(tmp_path, replace(CELL, num_rollouts=6)) is None
    save(tmp_path, one)
    other = load(tmp_path, CELL)
    assert other is not None
    np.testing.assert_array_equal(one.measures, other.measures)
    assert (one.facts, one.labels, one.cell) == (other.facts, other.labels, other.cell)
    assert load(tmp_path, replace(CELL, num_rollouts=6)) is None
    assert one.labels[-1] == "a coin"
    page = as_markdown([one, other], ["# A page"])
    for each in CONTESTANTS:
        assert f"| {each.label} |" in page
    assert "Left out: igpo (" in page
    raw = json.loads(as_json([one], {"date": "today"}))
    assert raw["cells"][0]["facts"]["states"] > CELL.num_tasks
    assert set(raw["cells"][0]["estimators"]["grpo"]) == set(MEASURES)


def test_brackets_are_two_standard_errors_around_the_measure() -> None:
    # replicates 0, 1, ..., 100: the 16th and 84th percentiles are 68 apart, one error is 34
    values = np.array([10.0, *range(101)])
    assert bounds(values) == pytest.approx((10 - 68, 10 + 68))
    assert np.isnan(bounds(np.full(3, np.nan))).all()
