"""The choosers of the literature: each rule on a few tasks, by hand, and what holds for all.

1. sgpo: first samples, then clip(round(1 / p)) members, the easiest first, within the update's episodes.
2. vade: beliefs fade at two scales; certain tasks lose to uncertain ones.
3. curriculum: stages open longer and harder tasks; new ones have their part.
4. All: tasks that are there, no more episodes than the update has, equal seeds choose equally.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from turnwise.errors import TrainingError, UsageError
from turnwise.trainers.parts import Part
from turnwise.trainers.rollouts import choosers
from turnwise.trainers.rollouts.choosers import Asked, Chosen
from turnwise.trainers.rollouts.choosers.memory import TaskMemory


def memory(
    won: list[int], lost: list[int], turns: list[int] | None = None, own: dict[str, Any] | None = None
) -> TaskMemory:
    """Return a memory of tasks with these wins and losses, and mean turns."""
    won_P, told_P = np.array(won), np.array(won) + np.array(lost)
    turns_P = told_P * np.array(turns or [1] * len(won))
    last_P = np.where(told_P > 0, 0, -1)
    columns = {name: np.array(column, float) for name, column in (own or {}).items()}
    return TaskMemory(told_P, told_P, won_P, won_P.astype(float), turns_P, last_P, columns)


def asked(
    tasks: TaskMemory,
    num: int = 2,
    size: int = 8,
    seed: int = 0,
    update: int = 1,
    taken: tuple[int, ...] = (),
) -> Asked:
    played = np.isin(np.arange(len(tasks)), taken)
    return Asked(num, size, 2, tasks, played, update, np.random.default_rng(seed))


def sgpo(given: Asked, **params: Any) -> Chosen:
    return choosers.bind(Part("sgpo", params))(given)


def test_sgpo_samples_each_task_once_and_then_goes_by_what_it_found() -> None:
    first = sgpo(asked(TaskMemory.new(4)), sample=4)
    assert sorted(first.tasks.tolist()) == [0, 1, 2, 3]
    assert first.sizes is not None
    assert first.sizes.tolist() == [4] * 4
    assert first.sizes.dtype == np.int64
    # of four episodes each won 4, 3, 1 and 0: 0 comes no more, 3 stays, as all unsolved ones do here
    found = memory([4, 3, 1, 0], [0, 1, 3, 4], own=dict(first.own))
    second = sgpo(asked(found), sample=4, least=2, most=8, unsolved=1.0)
    # 1 / 0.75 rounds to 1, at least 2; 1 / 0.25 = 4; never won: 8. Easiest first; together 14 of 16
    assert second.tasks.tolist() == [1, 2, 3]
    assert second.members.tolist() == [2, 4, 8]
    assert second.figures == {"sampled": 1.0, "left": 0.75}
    # what the next update finds is the first sample still, whatever came of the task since
    later = memory([4, 7, 1, 6], [0, 1, 3, 4], own=dict(second.own))
    third = sgpo(asked(later), sample=4, least=2, most=8, unsolved=1.0)
    assert third.tasks.tolist() == [1, 2, 3]
    assert third.own["rate"].tolist() == [1.0, 0.75, 0.25, 0.0]
    assert third.own["visits"].tolist() == [1.0, 3.0, 3.0, 3.0]


def test_sgpo_keeps_to_the_episodes_and_plays_who_came_least() -> None:
    known = {"rate": [0.5, 0.25, 0.1], "stays": [1, 1, 1], "visits": [2, 1, 1]}
    chosen = sgpo(asked(memory([1, 1, 1], [1, 3, 9], own=known), num=1, size=16), most=16)
    # 1 and 2 came least: 4 and 10 members; then 0 with 2: 16 in all
    assert chosen.tasks.tolist() == [1, 2, 0]
    assert chosen.members.tolist() == [4, 10, 2]
    short = sgpo(asked(memory([1, 1, 1], [1, 3, 9], own=known), num=1, size=12), most=12)
    assert short.tasks.tolist() == [1]
    none = {"rate": [1.0], "stays": [0], "visits": [1]}
    assert sgpo(asked(memory([4], [0], own=none))).tasks.tolist() == [0], "all come where none is left"
    refill = sgpo(asked(memory([1, 1, 1], [1, 3, 9], own=known), num=1, size=4), most=16)
    assert refill.members.tolist() == [4], "no more than there is room for"
    with pytest.raises(UsageError, match="expected at least 2 of each"):
        sgpo(asked(TaskMemory.new(2)), least=1)


def test_sgpo_drops_a_part_of_what_was_never_won() -> None:
    first = sgpo(asked(TaskMemory.new(400), num=400, size=4), sample=4, most=8)
    found = memory([0] * 400, [4] * 400, own=dict(first.own))
    stays = sgpo(asked(found, num=8), unsolved=0.25).own["stays"]
    assert 70 < stays.sum() < 130


def test_vade_beliefs_fade_at_two_scales() -> None:
    chooser = choosers.bind(Part("vade", {"decay": 0.5, "fade": 0.9}))
    first = memory([4, 2, 0], [0, 2, 0])
    own = chooser(asked(first)).own
    assert (own["won"].tolist(), own["lost"].tolist()) == ([4, 2, 0], [0, 2, 0])
    # task 0 is won once more; the others were not played
    again = chooser(asked(replace(memory([5, 2, 0], [0, 2, 0]), own=own), update=2)).own
    assert again["won"].tolist() == pytest.approx([3.0, 1.8, 0.0])
    assert again["lost"].tolist() == pytest.approx([0.0, 1.8, 0.0])


def test_vade_prefers_tasks_that_may_go_either_way() -> None:
    tasks = memory([400, 200, 0], [0, 200, 400])
    first = Counter(
        int(choosers.get("vade")(asked(tasks, 1, seed=seed), decay=1.0, fade=1.0).tasks[0])
        for seed in range(50)
    )
    assert first == {1: 50}
    # a task of which nothing is known is believed 1/2 on average, with 2 episodes of evidence
    chosen = choosers.get("vade")(asked(TaskMemory.new(3), 1))
    assert chosen.figures == {"believed": 0.5, "evidence": 2.0}


def test_a_curriculum_opens_harder_tasks_at_each_stage() -> None:
    # difficulty: turns 2, 4, 8 and 8 of 8 and success 5.5/6, 3.5/6, 3.5/6, 0.5/6, half each
    tasks = memory([5, 3, 3, 0], [0, 2, 2, 5], turns=[2, 4, 8, 8])
    hard = [(2 / 8 + 0.5 / 6) / 2, (4 / 8 + 2.5 / 6) / 2, (1 + 2.5 / 6) / 2, (1 + 5.5 / 6) / 2]
    chooser = choosers.bind(Part("curriculum", {"updates": [10], "explore": 0.0}))
    early = [chooser(asked(tasks, 1, seed=seed)) for seed in range(40)]
    assert {int(chosen.tasks[0]) for chosen in early} == {0, 1}
    assert early[0].figures["limit"] == pytest.approx(hard[1])
    assert early[0].figures["difficulty"] == pytest.approx(hard[int(early[0].tasks[0])])
    late = [chooser(asked(tasks, 1, seed=seed, update=10)) for seed in range(60)]
    assert {int(chosen.tasks[0]) for chosen in late} == {0, 1, 2, 3}
    assert late[0].figures["stage"] == 2.0
    # too few are open: the easiest of the others come next
    assert sorted(chooser(asked(tasks, 3)).tasks.tolist()) == [0, 1, 2]


def test_a_curriculum_gives_new_tasks_their_part() -> None:
    tasks = memory([1] * 8 + [0] * 8, [0] * 8 + [0] * 8)
    chooser = choosers.bind(Part("curriculum", {"explore": 0.25}))
    chosen = chooser(asked(tasks, 8)).tasks
    assert int(np.sum(chosen >= 8)) == 2
    assert len(set(chosen.tolist())) == 8
    assert set(chooser(asked(TaskMemory.new(4), 4)).tasks.tolist()) == {0, 1, 2, 3}
    with pytest.raises(UsageError, match="ascending updates"):
        choosers.get("curriculum")(asked(tasks), updates=[5, 3])


@pytest.mark.parametrize("name", ["vade", "curriculum", "sgpo"])
def test_unknown_success_is_refused(name: str) -> None:
    tasks = replace(memory([0, 0], [1, 1]), told=np.zeros(2, dtype=np.int64))
    with pytest.raises(TrainingError, match=r'does not say info\["won"\]'):
        choosers.get(name)(asked(tasks))


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from(["vade", "variance", "curriculum", "sgpo"]),
    st.lists(st.tuples(st.integers(0, 4), st.integers(1, 4)), min_size=1, max_size=12),
    st.integers(1, 6),
    st.integers(0, 99),
)
def test_what_holds_for_all(name: str, counts: list[tuple[int, int]], num: int, seed: int) -> None:
    tasks = memory([won for won, _ in counts], [lost for _, lost in counts])
    params = {"most": 8} if name == "sgpo" else {}
    one, two = (choosers.bind(Part(name, params))(asked(tasks, num, seed=seed)) for _ in range(2))
    assert one.tasks.tolist() == two.tasks.tolist()
    assert one.members.tolist() == two.members.tolist()
    assert one.members.sum() <= num * 8
    assert 0 <= one.tasks.min() <= one.tasks.max() < len(counts)
    if len(counts) >= num and name != "sgpo":
        assert len(set(one.tasks.tolist())) == num
