"""Samplers that help, by hand: who is played again, with what, and what becomes of the group."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sampled_groups import apply, candidates, episode, group

from turnwise.agents.rollout import Beginning
from turnwise.agents.rollout.beginning import digest_of
from turnwise.agents.types import Trajectory
from turnwise.errors import TrainingError, UnknownName, UsageError
from turnwise.trainers.rollouts.samplers import Attempt, Candidates, Group

ROOT = Path(__file__).resolve().parents[4]
SOLUTION = ("go to fridge", "open fridge", "take apple", "go to table", "put apple")


def solved(actions: Sequence[str] = SOLUTION, **more: Any) -> Trajectory:
    one = episode(1.0, **more)
    turns = [
        replace(one.turns[0], index=place, action=action, state_key=f"s{place}", reward=0.0)
        for place, action in enumerate(actions)
    ]
    return replace(one, turns=tuple(turns))


def helped(
    *groups: Group, wins: Callable[[Beginning], bool], expert: bool = True, update: int = 60
) -> tuple[Candidates, list[Attempt]]:
    """Return candidates whose attempts win by their beginning, and the list of what was asked."""
    asked: list[Attempt] = []

    async def again(attempts: Sequence[Attempt]) -> Sequence[Group]:
        asked.extend(attempts)
        return [
            tuple(
                episode(
                    float(wins(each.beginning) and member == each.size - 1),
                    f"again-{len(asked)}-{place}",
                    member=member,
                    given=len(each.beginning.actions),
                    hint=each.beginning.hint,
                )
                for member in range(each.size)
            )
            for place, each in enumerate(attempts)
        ]

    async def shown(attempts: Sequence[Attempt]) -> Sequence[Group]:
        return [(solved() if expert else episode(0.0),) for _ in attempts]

    return replace(candidates(*groups), again=again, shown=shown, update=update), asked


WON, LOST = group(1, 0), group(0, 0, 0, name="lost", task="u")


def test_scaf_grpo_takes_the_weakest_hint_that_wins() -> None:
    given, asked = helped(WON, LOST, wins=lambda beginning: "open fridge" in beginning.hint)
    found = apply("scaf_grpo", given)
    # 5 steps in 4 parts: 2, 3, 4 and 5 of them; first their kinds, then themselves
    assert [each.beginning.hint for each in asked] == [
        "Hint: a solution begins with these kinds of steps: go; open.",
        "Hint: a solution begins with these kinds of steps: go; open; take.",
        "Hint: a solution begins with these kinds of steps: go; open; take; go.",
        "Hint: a solution begins with these kinds of steps: go; open; take; go; put.",
        "Hint: a solution begins with these steps: go to fridge; open fridge.",
    ]
    assert {(each.env_id, each.seed, each.size) for each in asked} == {("e", 3, 1)}
    won, rescued = found.groups
    assert won == WON
    assert [(each.group, each.member, each.success) for each in rescued] == [
        ("lost", 0, True), ("lost", 1, False), ("lost", 2, False),
    ]  # fmt: skip
    assert rescued[0].hint == asked[-1].beginning.hint  # its tokens are learned behind the hint
    assert rescued[0].learned
    assert found.figures == {
        "sampling/failed": 1.0, "sampling/rescued": 1.0, "sampling/helped": 5.0,
        "sampling/rescued_by_kinds": 0.0, "sampling/rescued_by_steps": 1.0,
    }  # fmt: skip


def test_scaf_grpo_helps_nobody_in_its_exemption_nor_where_nothing_helps() -> None:
    given, asked = helped(LOST, wins=lambda _: True, update=49)
    assert apply("scaf_grpo", given).groups == (LOST,)
    assert asked == []
    assert apply("scaf_grpo", replace(given, update=50)).figures["sampling/rescued"] == 1.0
    hopeless, asked = helped(LOST, wins=lambda _: False)
    assert apply("scaf_grpo", hopeless).groups == (LOST,)
    assert len(asked) == 8
    unsolved, asked = helped(LOST, wins=lambda _: True, expert=False)
    assert apply("scaf_grpo", unsolved).groups == (LOST,)
    assert asked == []
    # a rollout that the machine spoilt does not give way
    spoilt = (episode(0.0, end="error", success=None), episode(0.0, member=1))
    given, _ = helped(spoilt, wins=lambda _: True)
    assert [each.success for each in apply("scaf_grpo", given).groups[0]] == [None, True]


def test_ghpo_plays_the_whole_group_again_with_more_and_more() -> None:
    given, asked = helped(WON, LOST, wins=lambda beginning: "take apple" in beginning.hint)
    found = apply("ghpo", given)
    # 25 % of 5 actions is one, 50 % two (2.5 to the even one), 75 % four
    steps = [
        "go to fridge",
        "go to fridge; open fridge",
        "go to fridge; open fridge; take apple; go to table",
    ]
    assert [each.beginning.hint for each in asked] == [
        f"Hint: a solution begins with these steps: {each}." for each in steps
    ]
    assert [each.size for each in asked] == [3, 3, 3]
    assert found.groups[0] == WON
    assert {each.group for each in found.groups[1]} == {"again-3-0"}
    assert [each.success for each in found.groups[1]] == [False, False, True]
    assert found.figures == {
        "sampling/failed": 1.0, "sampling/rescued": 1.0, "sampling/helped": 9.0,
        "sampling/rescued_by_25": 0.0, "sampling/rescued_by_50": 0.0, "sampling/rescued_by_75": 1.0,
    }  # fmt: skip
    hopeless, _ = helped(LOST, wins=lambda _: False)
    assert {each.group for each in apply("ghpo", hopeless).groups[0]} == {"again-3-0"}  # the last one stays


def test_ghpo_gives_turns_too() -> None:
    given, asked = helped(LOST, wins=lambda beginning: len(beginning.actions) == 2)
    found = apply("ghpo", given, given="turns")
    assert [each.beginning for each in asked] == [Beginning(SOLUTION[:1]), Beginning(SOLUTION[:2])]
    assert [each.given for each in found.groups[0]] == [2, 2, 2]


def test_dr_po_begins_further_groups_in_states_of_successes() -> None:
    won = (solved(), episode(0.0, member=1))
    given, asked = helped(won, LOST, wins=lambda _: True)
    first = apply("dr_po", given)
    assert asked == []  # nothing is stored yet
    assert first.groups == (won, LOST)
    assert first.figures["sampling/stored"] == 1.0
    later, asked = helped(WON, LOST, wins=lambda _: True)
    second = apply("dr_po", replace(later, state=first.state), share=0.5)
    assert second.groups[:2] == (WON, LOST)
    assert len(second.groups) == 4  # two of four begin in a stored state
    for each in asked:
        num = len(each.beginning.actions)
        assert 1 <= num <= 4
        assert each == Attempt("e", 3, 3, Beginning(SOLUTION[:num], state=digest_of(f"s{num}")))
    depths = [len(each.beginning.actions) / 5 for each in asked]
    assert second.figures["sampling/reset"] == 0.5
    assert second.figures["sampling/reset_depth"] == pytest.approx(np.mean(depths))
    assert second.figures["sampling/reset_success"] == pytest.approx(1 / 3)
    # one turn leaves nothing to begin with, and what was helped is not the run's own
    aided = (solved(given=1), solved(hint="Hint: take the apple."))
    third, _ = helped(WON, aided, wins=lambda _: True)
    assert apply("dr_po", replace(third, state=second.state)).figures["sampling/stored"] == 1.0


def test_dr_po_draws_every_turn_but_the_last_and_is_bounded() -> None:
    given, asked = helped((solved(),), wins=lambda _: False)
    state = apply("dr_po", given).state
    for number in range(40):
        again = replace(given, state=state, rng=np.random.default_rng(number))
        apply("dr_po", again, share=0.5, size=2)
    assert {len(each.beginning.actions) for each in asked} == {1, 2, 3, 4}
    assert {each.size for each in asked} == {2}
    for number in range(5):
        won = tuple(solved(("a", f"b{number}{member}")) for member in range(2))
        now, _ = helped(won, wins=lambda _: False)
        state = apply("dr_po", replace(now, state=state), capacity=3, share=0.0).state
    assert [kept[2] for kept in state.values["successes"]] == [["a", "b31"], ["a", "b40"], ["a", "b41"]]


@pytest.mark.parametrize(
    ("name", "params", "message"),
    [
        ("scaf_grpo", {"exempt": -1}, "exempt is -1"),
        ("scaf_grpo", {"parts": 0}, "parts is 0"),
        ("ghpo", {"shares": (0.5, 0.25)}, "ascending"),
        ("ghpo", {"shares": (0.5, 1.0)}, "ascending"),
        ("ghpo", {"shares": ()}, "ascending"),
        ("dr_po", {"share": 0.95}, "share 0.95"),
        ("dr_po", {"capacity": 0}, "capacity 0"),
    ],
)
def test_wrong_numbers_are_refused(name: str, params: dict[str, Any], message: str) -> None:
    given, _ = helped(LOST, wins=lambda _: True)
    with pytest.raises(UsageError, match=message):
        apply(name, given, **params)


def test_what_cannot_be_told_is_refused() -> None:
    given, _ = helped(LOST, wins=lambda _: True)
    with pytest.raises(UnknownName, match="steps"):
        apply("scaf_grpo", given, stages=("step",))
    with pytest.raises(UnknownName, match="words"):
        apply("ghpo", given, given="word")
    unknown = (episode(0.0, success=None),)
    for name in ("scaf_grpo", "ghpo", "dr_po"):
        with pytest.raises(TrainingError, match=f"sampler {name} goes by success"):
            apply(name, helped(unknown, wins=lambda _: True)[0])
    with pytest.raises(UsageError, match="nothing is played again here"):
        apply("ghpo", candidates(LOST))


def test_only_samplers_help() -> None:
    """Neither evaluations nor servers nor commands make a beginning: what helps stays in training."""
    wings = [ROOT / wing for wing in ("envs", "servers", "agents", "trainers", "src/turnwise/api")]
    files = [file for wing in wings for file in wing.rglob("*.py") if "Beginning(" in file.read_text()]
    helping = {str(file.relative_to(ROOT)) for file in files}
    assert helping > {"agents/rollout/beginning.py"}
    assert all(name.startswith("trainers/rollouts/") for name in helping - {"agents/rollout/beginning.py"})
