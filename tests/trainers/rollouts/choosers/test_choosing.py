"""The opening for task choosers: what is remembered of tasks, and what a chooser may answer.

1. A memory counts episodes, wins, returns and turns of each task, as by hand, and comes back from a file.
2. The best scores are taken, ties by the generator, tasks of earlier rounds last; weights decide draws.
3. Without a chooser the draw is the uniform one; in a mixture each environment is asked for its share.
4. What a chooser may not answer is refused with what it may; so is a chooser without tasks that come again.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from turnwise.agents.types import Trajectory, Turn
from turnwise.errors import CheckpointError, TrainingError, UsageError
from turnwise.trainers.parts import Part
from turnwise.trainers.rollouts import choosers
from turnwise.trainers.rollouts.choosers import Asked, Chosen
from turnwise.trainers.rollouts.choosers.memory import TaskMemory, figures_of, load_tasks, save_tasks
from turnwise.trainers.rollouts.choosers.picks import Round, TaskPicker, check_chooser
from turnwise.trainers.rollouts.mixture import EnvChoice
from turnwise.trainers.rollouts.tasks import TaskSampler, drawn_picks, train_tasks


def episode(
    task: int, won: bool | None, reward: float = 0.0, turns: int = 1, end: str = "terminated"
) -> Trajectory:
    played = tuple(Turn(place, "", "s", "a", reward / turns, "s") for place in range(turns))
    return Trajectory("w", "", task, "g", played, end, success=won)


def asked(
    memory: TaskMemory,
    num: int = 2,
    size: int = 4,
    seed: int = 0,
    taken: tuple[int, ...] = (),
    update: int = 1,
) -> Asked:
    played = np.isin(np.arange(len(memory)), taken)
    return Asked(num, size, 2, memory, played, update, np.random.default_rng(seed))


def lived(*outcomes: tuple[int, bool | None], num_tasks: int = 4) -> TaskMemory:
    return TaskMemory.new(num_tasks).after([episode(*each) for each in outcomes], 0)


def test_a_memory_counts_by_hand(tmp_path: Path) -> None:
    memory = TaskMemory.new(5).after(
        [episode(0, True, 1.0, 2), episode(0, False, 0.5, 4), episode(2, None, 3.0, 1), episode(9, True)], 3
    )
    memory = memory.after([episode(0, True, 1.0, 3), episode(1, True, end="error"), episode(4, False)], 5)
    assert memory.episodes.tolist() == [3, 0, 1, 0, 1]
    assert memory.success[[0, 4]].tolist() == [2 / 3, 0.0]
    assert np.isnan(memory.success[[1, 2, 3]]).all()
    assert memory.mean_return[[0, 2]].tolist() == [2.5 / 3, 3.0]
    assert memory.mean_turns[[0, 2]].tolist() == [3.0, 1.0]
    assert memory.update.tolist() == [5, -1, 3, -1, 5]
    # of five tasks two never, one in between, one never won, one of unknown success
    assert figures_of({"w": memory}) == {
        "tasks/never": 0.4, "tasks/always": 0.0, "tasks/unsolved": 0.2, "tasks/between": 0.2,
    }  # fmt: skip
    file = tmp_path / "tasks.json"
    assert load_tasks(file) == {}
    save_tasks(file, {"w": memory})
    back = load_tasks(file)["w"]
    for name in ("episodes", "told", "won", "returns", "turns", "update"):
        assert getattr(back, name).tolist() == getattr(memory, name).tolist()
        assert getattr(back, name).dtype == getattr(memory, name).dtype
    file.write_text('{"w": {"num_tasks": 5}}')
    with pytest.raises(CheckpointError, match=r"tasks\.json: what is known of the tasks cannot be read"):
        load_tasks(file)


def test_the_best_are_chosen_ties_by_chance_and_tasks_of_the_update_last() -> None:
    memory = TaskMemory.new(4)
    assert asked(memory).best(np.array([0.1, 0.9, 0.5, 0.7])).tasks.tolist() == [1, 3]
    assert asked(memory, taken=(1,)).best(np.array([0.1, 0.9, 0.5, 0.7])).tasks.tolist() == [3, 2]
    # the only three that are free, then the taken one; and again from the start once all are chosen
    full = asked(memory, 6, taken=(1,)).best(np.array([0.1, 0.9, 0.5, 0.7])).tasks.tolist()
    assert full == [3, 2, 0, 1, 3, 2]
    first = Counter(int(asked(memory, 1, seed=seed).best(np.zeros(4)).tasks[0]) for seed in range(400))
    assert min(first.values()) > 70
    assert len(first) == 4


def test_weights_decide_a_draw() -> None:
    memory = TaskMemory.new(4)
    weights = np.array([3.0, 1.0, 0.0, 0.0])
    first = Counter(int(asked(memory, 1, seed=seed).drawn(weights).tasks[0]) for seed in range(800))
    assert set(first) == {0, 1}
    assert abs(first[0] / 800 - 0.75) < 0.05
    assert sorted(asked(memory, 2).drawn(weights).tasks.tolist()) == [0, 1]


def test_uncertain_tasks_come_more_often() -> None:
    memory = lived((0, True), (0, False), (1, True), (1, True), (2, False))
    chosen = choosers.get("variance")(asked(memory, 1), explore=0.0, prior=0.5)
    # p is 1.5/3, 2.5/3, 0.5/2 and, never played, 1/2: weights sqrt(p (1 - p))
    weights = [0.5, (2.5 * 0.5) ** 0.5 / 3, (0.25 * 0.75) ** 0.5, 0.5]
    assert chosen.figures["uncertainty"] == pytest.approx(weights[int(chosen.tasks[0])], abs=1e-12)
    first = Counter(
        int(choosers.get("variance")(asked(memory, 1, seed=seed), power=8.0, explore=0.0).tasks[0])
        for seed in range(300)
    )
    # 0.25^8 twice, (5/36)^8 and 0.1875^8: 0 and 3 nearly always
    assert first[0] + first[3] > 250
    assert min(first[0], first[3]) > 90


def test_old_outcomes_fade_once_for_each_update() -> None:
    chooser = choosers.bind(Part("variance", {"decay": 0.5, "explore": 1.0}))
    first = lived((0, True), (0, True), (1, False))
    own = chooser(asked(first)).own
    assert (own["won"].tolist(), own["lost"].tolist()) == ([2, 0, 0, 0], [0, 1, 0, 0])
    second = TaskMemory(**{**fields(first), "own": own}).after([episode(0, False)], 1)
    again = chooser(asked(second, update=2)).own
    # task 0: half of two wins, and the new loss; task 1 was not played
    assert (again["won"].tolist(), again["lost"].tolist()) == ([1, 0, 0, 0], [1, 1, 0, 0])
    refilled = TaskMemory(**{**fields(second), "own": again})
    assert chooser(asked(refilled, update=2)).own == {}


def fields(memory: TaskMemory) -> dict:
    return {name: getattr(memory, name) for name in TaskMemory.__dataclass_fields__}


def test_unknown_success_is_no_failure() -> None:
    with pytest.raises(TrainingError, match=r'does not say info\["won"\]'):
        choosers.get("variance")(asked(lived((0, None))))


WORLDS = [EnvChoice("w", {}, {}, 3.0), EnvChoice("v", {}, {}, 1.0)]


@choosers.register("test_first_tasks")
def first_tasks(asked: Asked, *, sizes: tuple[int, ...] = (), tasks: tuple[int, ...] = (0, 1, 2)) -> Chosen:
    """Choose fixed tasks, and remember how often it was asked."""
    times = asked.tasks.own.get("times", np.zeros(len(asked.tasks)))
    given = np.array(sizes) if sizes else None
    return Chosen(np.array(tasks[: asked.num_groups]), given, {"times": times + 1}, {"asked": 1.0})


def test_without_a_chooser_the_draw_is_the_uniform_one() -> None:
    sampler = TaskSampler(7, 4, 10)
    picker = TaskPicker(WORLDS, sampler, 3, 2)
    memory = picker.first_memory()
    assert {id: len(tasks) for id, tasks in memory.items()} == {"w": 10, "v": 10}
    assert picker.pick(Round(2, 0, 4), memory).picks == drawn_picks(WORLDS, sampler.seeds(2), 3, 7, 2)
    refill = drawn_picks(WORLDS, sampler.refill(2, 1, 2), 3, 7, 2, 1)
    assert picker.pick(Round(2, 1, 2), memory).picks == refill
    assert TaskPicker(WORLDS, TaskSampler(7, 4, 0), 3, 2).first_memory() == {}


def test_each_environment_is_asked_for_its_share() -> None:
    bound = choosers.bind(Part("test_first_tasks", {"tasks": (0, 0, 2)}))
    picker = TaskPicker(WORLDS, TaskSampler(0, 4, 10), 4, 2, bound)
    picked = picker.pick(Round(0, 0, 4), picker.first_memory())
    # of four groups three by weight are of w; the task that comes twice is played with other random numbers
    assert [(pick.env.id, pick.task, pick.repeat) for pick in picked.picks] == [
        ("w", 0, 0), ("w", 0, 1), ("w", 2, 0), ("v", 0, 0),
    ]  # fmt: skip
    items = train_tasks(picked.picks, 0)
    assert len(items) == 16
    keys = {(item.env_id, item.seed, item.episode, item.member) for item in items}
    assert len(keys) == 16
    assert {id: own["times"].sum() for id, own in picked.own.items()} == {"w": 10.0, "v": 10.0}
    assert picked.figures["choosing/groups"] == 4.0
    assert picked.figures["choosing/new"] == 1.0
    assert picked.figures["choosing/asked"] == 1.0


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"tasks": (0, 4)}, r"gave \[0, 4\]; expected at least one task from 0 to 3"),
        ({"tasks": ()}, "expected at least one task"),
        ({"tasks": (0, 1), "sizes": (2, 1)}, "expected a whole number of at least 2 for each"),
        ({"tasks": (0, 1), "sizes": (2.5, 3)}, "expected a whole number"),
        ({"tasks": (0, 1), "sizes": (4,)}, r"gave groups of \[4\] for 2 tasks"),
        ({"tasks": (0, 1), "sizes": (4, 5)}, r"wants 9 episodes; .* allow 8"),
    ],
)
def test_what_a_chooser_may_not_answer(params: dict, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        choosers.get("test_first_tasks")(asked(TaskMemory.new(4)), **params)


@pytest.mark.parametrize("num", [0, 2**20 + 1])
def test_a_chooser_needs_tasks_that_come_again(num: int) -> None:
    with pytest.raises(UsageError, match=f"env.num_tasks = {num}: set env.num_tasks to 1 to 1048576"):
        check_chooser("variance", num)
