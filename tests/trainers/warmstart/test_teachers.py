"""Teachers as policies: who plays, what is a slip, how a plan is said."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from turnwise.agents.types import GenerationRequest
from turnwise.errors import UsageError
from turnwise.trainers.recipe import Recipe
from turnwise.trainers.warmstart.demonstrations import collect
from turnwise.trainers.warmstart.teachers import Slips, TeacherPolicy

Lights = Callable[..., Recipe]


def ask(turn: int, style: str = "plain", expert: str = "go", subgoal: str = "find it") -> GenerationRequest:
    return GenerationRequest(
        admissible=("wait",),
        style=style,  # type: ignore[arg-type]
        key=(0, 7, 3, 0, turn),
        turn=turn,
        instruction="put it there",
        private={"expert": expert, "subgoal": subgoal},
    )


def said(policy: TeacherPolicy | Slips, *requests: GenerationRequest) -> list[str]:
    async def play() -> list[str]:
        return [(await policy.generate(request)).text for request in requests]

    return asyncio.run(play())


def test_a_plan_is_said_once_and_kept_while_it_is_in_force(taught: Lights) -> None:
    teacher = TeacherPolicy(taught().env.id)
    turns = [ask(0, "plan"), ask(1, "plan", "look"), ask(2, "plan", "take", subgoal="")]
    assert said(teacher, *turns) == ["new: find it\ngo", "keep\nlook", "new: put it there\ntake"]
    assert said(teacher, ask(0), ask(1)) == ["go", "go"]


def test_a_slip_changes_the_action_and_not_the_plan(taught: Lights) -> None:
    slips = Slips(TeacherPolicy(taught().env.id), 1.0)
    assert said(slips, ask(0, "plan"), ask(1, "plan")) == ["new: find it\nwait", "keep\nwait"]
    assert slips.untaught == {(3, 0), (3, 1)}
    clumsy = Slips(TeacherPolicy(taught().env.id), 1.0, taught=True)
    assert said(clumsy, ask(0)) == ["wait"]
    assert clumsy.untaught == set()


def test_from_random_play_nothing_is_learned(lights: Lights) -> None:
    played = collect(lights().env.id, {}, [1, 2], teacher="none", max_turns=4)
    assert {turn.info["taught"] for trajectory in played for turn in trajectory.turns} == {False}
    assert len({turn.action for trajectory in played for turn in trajectory.turns}) > 1


def test_the_teacher_is_the_one_that_the_environment_names(lights: Lights) -> None:
    with pytest.raises(UsageError, match="names no teacher; use 'auto'"):
        collect(lights().env.id, {}, [0], teacher="explorer")
    (explored,) = collect("household/demo-v0", {"split": "train"}, [3], style="plan", max_turns=20)
    assert explored.turns[0].switch
    assert explored.turns[0].subgoal.startswith("find ")


def test_the_same_task_is_played_alike_wherever_it_stands(taught: Lights) -> None:
    first, again, other = collect(taught().env.id, {}, [5, 5, 6], slip=0.5, max_turns=4)
    assert first.turns == again.turns
    assert (first.end, first.task_seed) == (again.end, again.task_seed) == ("terminated", 5)
    assert other.task_seed == 6
