"""What the credit of a shipped recipe comes to on a few turns, as its authors' runs have it."""

from __future__ import annotations

from math import sqrt

import numpy as np
import pytest

from turnwise.credit import TurnTable
from turnwise.trainers import credit as credits
from turnwise.trainers import recipe, rewards


def assigned(name: str, table: TurnTable) -> np.ndarray:
    """Return the advantages that a recipe gives, its reward transforms first."""
    chosen = recipe.load(name)
    for part in chosen.reward.transforms:
        table = rewards.bind(part)(table)
    return credits.bind(chosen.credit)(table).advantage


def failed_group() -> TurnTable:
    """Return a group in which nothing was achieved: one malformed turn of three, and two turns."""
    return TurnTable.from_columns(
        group=["g"] * 5,
        trajectory=[0, 0, 0, 1, 1],
        reward=[0.0] * 5,
        state_key=["a", "b", "c", "a", "d"],
        malformed=[False, True, False, False, False],
        inadmissible=[True, False, False, False, False],  # costs nothing there
    )


@pytest.mark.parametrize(
    ("name", "cost"), [("grpo", 0.1), ("grpo_shopping", 0.1), ("grpo_search", 0.01), ("scaling_inter", 0.01)]
)
def test_a_malformed_turn_pays_alone(name: str, cost: float) -> None:
    # scores of rows 0, -cost, 0 | 0, 0: mean -cost / 5, deviation sqrt((4 / 25 + 16 / 25) / 4) = sqrt(1 / 5)
    good, bad = 1 / 5 * sqrt(5), -4 / 5 * sqrt(5)
    found = assigned(name, failed_group())
    np.testing.assert_allclose(found, [good, bad, good, good, good], rtol=3e-4)
    np.testing.assert_allclose(found[:2], [0.447, -1.789], atol=2e-3 if cost == 0.1 else 1e-2)


@pytest.mark.parametrize("name", ["gspo", "dr_grpo", "llds", "arpo_branching", "arpo_replay"])
def test_what_extends_the_baseline_charges_the_malformed_turn_alone(name: str) -> None:
    """Over trajectories the first rows are compared, and they are equal here: nobody else pays or gains."""
    found = assigned(name, failed_group())
    assert found[[0, 2, 3, 4]].tolist() == [0.0] * 4
    assert found[1] <= 0.0


def test_salt_charges_the_turn_after_merging() -> None:
    table = failed_group().with_columns(action=["go"] * 5, next_state_key=["b", "c", "end", "d", "end"])
    np.testing.assert_allclose(assigned("salt", table), [0, -0.1, 0, 0, 0], atol=1e-12)


@pytest.mark.parametrize("name", recipe.shipped())
def test_an_invalid_turn_is_charged_in_one_place(name: str) -> None:
    """In the reward where a critic learns it, or where the source has it there; else by the estimator."""
    chosen = recipe.load(name)
    fined = [part.name for part in chosen.reward.transforms if part.name == "format"]
    assert not (fined and chosen.credit.params.get("invalid_penalty"))
    if fined:
        assert credits.get(chosen.credit.name).heads or chosen.credit.name in ("igpo", "mars")
