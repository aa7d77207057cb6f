"""What one more turn is worth to each estimator, where every turn pays 0.3 for sure."""

from __future__ import annotations

import pytest
from contestants import CONTESTANTS
from lengths import Price, prices


@pytest.fixture(scope="module")
def found() -> dict[str, Price]:
    return prices()


def test_leave_one_out_is_unbiased_and_a_group_mean_takes_an_eighth(found: dict[str, Price]) -> None:
    assert found["rloo"].chosen == pytest.approx(0.3, abs=0.01)
    assert found["rloo"].verdict == "yes"
    # the own member is one of eight in the mean: 7/8 of 0.3 in the mean over draws
    for label in ("dr_grpo", "igpo"):
        assert found[label].chosen == pytest.approx(0.3 * 7 / 8, abs=0.01)
        assert found[label].verdict == "but for its scale"


@pytest.mark.parametrize("label", ["mars", "igpo (paper)", "broadcast"])
def test_a_mean_taken_from_every_reward_is_a_price_of_the_turn(found: dict[str, Price], label: str) -> None:
    assert found[label].chosen == pytest.approx(0.0, abs=1e-9)
    assert found[label].fixed > 0.25
    assert found[label].verdict == "no"


def test_rewards_of_equal_turns_show_neither_difference(found: dict[str, Price]) -> None:
    assert found["step_grpo"].verdict == "sees neither"
    assert found["graphhca"].verdict == "no"  # the shorter way to success is the better one


def test_a_critic_that_knows_the_values_charges_nothing(found: dict[str, Price]) -> None:
    for label in ("turn_ppo", "poad", "td0"):
        assert found[label].chosen == pytest.approx(0.99 * 0.3)  # discounted once
    assert set(found) == {*(entry.label for entry in CONTESTANTS), "igpo", "igpo (paper)"}
