"""Samplers by hand: which groups stay, which are played again, what is replayed and kept."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sampled_groups import Refills, apply, candidates, episode, group

from turnwise.errors import CheckpointError, UnknownName, UsageError
from turnwise.trainers.rollouts import samplers
from turnwise.trainers.rollouts.samplers import Group, SamplerState
from turnwise.trainers.rollouts.samplers.base import is_dead
from turnwise.trainers.rollouts.samplers.memory import load_states, save_states

WON, LOST, MIXED = group(1, 1), group(0, 0), group(1, 0)
RARE = group(1, 0, 0, 0)


def test_dead_groups() -> None:
    assert [is_dead(each) for each in (WON, LOST, MIXED)] == [True, True, False]
    assert is_dead(group(0.1 + 0.2, 0.3))  # rounding is no difference
    assert is_dead((episode(1.0), episode(0.0, end="error")))
    assert is_dead(())


def test_dynamic_refills_what_is_missing_and_no_more() -> None:
    other = group(0, 1, name="h")
    given = candidates(WON, MIXED, LOST, num=3, refills=[[LOST, other], [RARE]])
    found = apply("dynamic", given)
    assert found.groups == (MIXED, other, RARE)
    assert isinstance(given.more, Refills)
    assert given.more.asked == [2, 1]
    assert found.figures == {"sampling/rounds": 2.0, "sampling/live": 3 / 6, "sampling/missing": 0.0}


def test_dynamic_is_bounded_and_goes_on_with_what_there_is() -> None:
    found = apply("dynamic", candidates(WON, MIXED, num=2, refills=[[LOST]] * 3), max_rounds=3)
    assert found.groups == (MIXED,)
    assert found.figures["sampling/missing"] == 1.0
    none = apply("dynamic", candidates(WON, LOST, refills=[[LOST, LOST]]), max_rounds=1)
    assert none.groups == (WON, LOST)  # an update without a gradient
    assert none.figures["sampling/live"] == 0.0


def test_variance_keeps_the_least_certain_groups_in_their_order() -> None:
    # deviations (ddof 1): 0, 0.5, 0.707, 0
    given = candidates(WON, RARE, MIXED, LOST)
    assert apply("variance", given, share=0.25).groups == (MIXED,)
    assert apply("variance", given, share=0.5).groups == (RARE, MIXED)
    assert apply("variance", given, share=0.1).groups == (MIXED,)
    assert apply("variance", given, share=1.0).groups == given.groups
    half = apply("variance", given, share=0.5).figures
    assert half["sampling/kept_std"] == pytest.approx((0.5 + np.sqrt(0.5)) / 2)
    assert half["sampling/kept"] == 0.5
    assert apply("variance", candidates(WON, LOST), share=0.5).groups == (WON,)


def test_replay_puts_one_success_into_a_group_that_failed() -> None:
    first = apply("replay", candidates(MIXED, group(0, 0, task="u")))
    assert first.groups == (MIXED, group(0, 0, task="u"))  # nothing is stored yet
    assert list(first.state.kept) == ["e t 3"]
    now = group(0, 0, 0, name="later")
    second = apply("replay", candidates(now, group(0, 0, task="u"), state=first.state))
    swapped, other = second.groups
    assert swapped[:2] == now[:2]
    assert (swapped[2].group, swapped[2].member, swapped[2].success) == ("later", 2, True)
    assert swapped[2].turns[0].generation == MIXED[0].turns[0].generation  # behaviour logprobs too
    assert swapped[2].turns[0].notes == {}
    assert other == group(0, 0, task="u")
    assert second.figures == {"sampling/replayed": 0.5, "sampling/stored": 1.0}


def test_replay_leaves_groups_alone_that_have_a_signal() -> None:
    state = apply("replay", candidates(MIXED)).state
    assert apply("replay", candidates(RARE, state=state)).groups == (RARE,)
    assert apply("replay", candidates(group(0.3, 0.3), state=state)).groups == (group(0.3, 0.3),)
    assert apply("replay", candidates(group(0.1, 0.1), state=state), max_mean=0.05).groups == (
        group(0.1, 0.1),
    )
    # a failure of the machine's is neither replaced nor stored
    broken = (episode(0.0), episode(0.0, end="error", success=None, member=1))
    found = apply("replay", candidates(broken, state=state)).groups[0]
    assert [each.success for each in found] == [True, None]


def test_replay_is_first_in_first_out_and_bounded() -> None:
    state = SamplerState()
    for number in range(5):
        won = tuple(replace(each, seconds=float(number)) for each in WON)
        state = apply("replay", candidates(won, state=state), capacity=3).state
    assert [each.seconds for each in state.kept["e t 3"]] == [3.0, 4.0, 4.0]
    for task in ("u", "t", "v"):
        state = apply("replay", candidates(group(1, 0, task=task), state=state), max_tasks=2).state
    assert list(state.kept) == ["e t 3", "e v 3"]  # u was met longest ago


def test_what_is_replayed_belongs_to_no_tree() -> None:
    leaf = replace(episode(1.0), parent="g#0", branch_turn=0, sampled_by=(0,), member=1)
    (kept,) = apply("replay", candidates((leaf,))).state.kept.values()
    assert (kept[0].parent, kept[0].branch_turn, kept[0].sampled_by) == (None, None, ())


def test_states_survive_in_files(tmp_path: Path) -> None:
    state = apply("replay", candidates(MIXED, group(1, 1, task="u"))).state
    given = {"0-replay": state, "1-mine": SamplerState(values={"threshold": 0.25})}
    save_states(tmp_path / "samplers", given)
    found = load_states(tmp_path / "samplers")
    assert found == given
    assert list(found["0-replay"].kept) == ["e t 3", "e u 3"]
    assert load_states(tmp_path / "none") == {}
    (tmp_path / "samplers" / "0-replay.json").write_text("{")
    with pytest.raises(CheckpointError, match=r"0-replay\.json"):
        load_states(tmp_path / "samplers")


@pytest.mark.parametrize(
    ("name", "params", "message"),
    [
        ("dynamic", {"max_rounds": 0}, "max_rounds is 0; expected at least 1"),
        ("dynamic", {"rounds": 1}, "did you mean 'max_rounds'"),
        ("variance", {"share": 0.0}, "share is 0"),
        ("replay", {"capacity": 0}, "capacity 0"),
    ],
)
def test_wrong_numbers_are_refused(name: str, params: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        apply(name, candidates(MIXED), **params)


def test_unknown_samplers_are_answered_with_close_ones() -> None:
    with pytest.raises(UnknownName, match="did you mean 'dynamic'"):
        samplers.get("dynamics")
    assert {"dynamic", "replay", "variance"} <= set(samplers.names())


def zero_sum(*results: float) -> Group:
    """Return games of two: A earns each result, B loses it."""
    first = episode(0.0).turns[0]
    return tuple(
        replace(
            episode(0.0, member=member),
            turns=(
                replace(first, reward=result, agent="A"),
                replace(first, index=1, reward=-result, agent="B"),
            ),
        )
        for member, result in enumerate(results)
    )


def test_a_group_of_games_is_judged_by_what_each_agent_earned() -> None:
    decided, drawn = zero_sum(1.0, -1.0), zero_sum(1.0, 1.0)
    assert not is_dead(decided)
    assert is_dead(drawn)
    kept = apply("variance", candidates(drawn, decided, drawn, drawn), share=0.25)
    assert kept.groups == (decided,)
    # A has 1 and -1: deviation sqrt 2
    assert kept.figures["sampling/kept_std"] == pytest.approx(2**0.5)
