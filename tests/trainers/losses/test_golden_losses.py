"""DCPO, HAPO, Lp-Reg, DisCO and PACS against the authors' golden numbers, and by hand."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from turnwise.errors import UnknownName, UsageError
from turnwise.trainers.losses import Objective, TokenBatch, aggregation_weights
from turnwise.trainers.losses.hapo import scaled_entropy
from turnwise.trainers.losses.lp_reg import rarest
from turnwise.trainers.objective_config import ObjectiveConfig

GOLDEN = json.loads((Path(__file__).parents[2] / "golden" / "losses.json").read_text())


def batch_of(columns: dict[str, Any], row: list[int]) -> TokenBatch:
    """Return a batch of tokens, each of the trajectory that its row is."""
    flat = {name: torch.as_tensor(column, dtype=torch.float64) for name, column in columns.items()}
    rows = np.array(row)
    zeros = torch.zeros_like(flat["logp"])
    return TokenBatch(
        logp_N=flat["logp"].requires_grad_(),
        old_N=flat["old"],
        behaviour_N=flat["old"],
        entropy_N=flat.get("entropy", zeros),
        advantage_N=flat.get("advantage", zeros),
        weight_N=torch.from_numpy(aggregation_weights("token_mean", rows, rows)),
        turn_N=torch.from_numpy(rows),
        trajectory_N=torch.from_numpy(rows),
        filtered_N=flat.get("filtered"),
        group_N=flat["group"].long() if "group" in flat else None,
        won_N=flat.get("won"),
    )


def golden_batch(data: dict[str, Any]) -> tuple[TokenBatch, np.ndarray]:
    mask = np.array(data["mask"]) > 0
    row, _ = mask.nonzero()
    columns = {
        name: np.array(column)[mask] if np.ndim(column) == 2 else np.array(column)[row]
        for name, column in data.items()
        if name != "mask"
    }
    return batch_of(columns, row.tolist()), mask


@pytest.mark.parametrize("case", GOLDEN["cases"], ids=lambda case: case["name"])
def test_golden(case: dict) -> None:
    batch, mask = golden_batch(case["data"])
    params = {name: float(value) if value == "inf" else value for name, value in case["params"].items()}
    objective = Objective(ObjectiveConfig(case["name"], aggregation="token_mean", params=params))
    outcome = objective(batch)
    outcome.loss.backward()
    assert batch.logp_N.grad is not None
    expected = np.array(case["expected"]["grad"])
    assert np.abs(expected[mask]).max() > 1e-3
    np.testing.assert_allclose(batch.logp_N.grad.numpy(), expected[mask], rtol=1e-8, atol=1e-8)
    if case["name"] == "disco":
        outcome = replace(outcome, loss=outcome.loss + _disco_as_shown(batch, params))
    assert outcome.loss.item() == pytest.approx(case["expected"]["loss"], rel=1e-8, abs=1e-8)


def _disco_as_shown(batch: TokenBatch, params: dict) -> float:
    """Return what the published value has over the loss: tau for a soft maximum, all of the KL."""
    over = max(0.0, (batch.old_N - batch.logp_N).mean().item() - params["delta"])
    shown = params["beta"] * over * (over + params["delta"]) - params["beta"] * over**2 / 2
    if math.isinf(params["tau"]):
        return shown
    value_N = batch.logp_N.detach()
    value_N = value_N if params["score"] == "logp" else (value_N - batch.old_N).exp()
    assert batch.group_N is not None and batch.won_N is not None
    for group in (0, 2):  # of four, those with both outcomes
        lost = [
            value_N[batch.trajectory_N == row].mean()
            for row in batch.trajectory_N[(batch.group_N == group) & (batch.won_N == 0)].unique()
        ]
        mean = (torch.stack(lost) / params["tau"]).exp().mean().log().item()
        shown += params["tau"] * (1.0 - mean) / 4
    return shown


def loss_of(name: str, batch: TokenBatch, **params: Any) -> float:
    """Return the loss of a batch; its gradient is that of the batch's logprobs."""
    outcome = Objective(ObjectiveConfig(name, aggregation="token_mean", params=params))(batch)
    outcome.loss.backward()
    return outcome.loss.item()


def slopes(batch: TokenBatch) -> list[float]:
    assert batch.logp_N.grad is not None
    return batch.logp_N.grad.tolist()


def tokens(ratio: list[float], old: list[float], advantage: list[float], **more: Any) -> TokenBatch:
    logs = {"logp": np.log(old) + np.log(ratio), "old": np.log(old), "advantage": advantage}
    return batch_of({**logs, **more}, list(range(len(ratio))))


def test_dcpo_by_hand() -> None:
    """At old probability 0.64 with 0.12 the bounds are 1/2 + sqrt(1/4)/2 and 1/2 + sqrt(7/4)/2."""
    upper = 0.5 + math.sqrt(1.75) / 2  # 1.161
    batch = tokens([0.7, 0.7, 1.2, 1.2], [0.64] * 4, [1, -1, 1, -1])
    # falling with A > 0 and rising with A < 0 are not cut
    assert loss_of("dcpo", batch, clip_low=0.12, clip_high=0.12) == pytest.approx(
        (-0.7 + 0.75 - upper + 1.2) / 4
    )
    assert slopes(batch) == pytest.approx([-0.175, 0.0, 0.0, 0.3])
    # a token of 0.01 may become 4.5 times as likely and no less than half, one of 1e-6 ten times
    assert loss_of("dcpo", tokens([5.0], [0.01], [1.0])) == pytest.approx(-0.5 - math.sqrt(81) / 2)
    assert loss_of("dcpo", tokens([0.3], [0.01], [-1.0])) == pytest.approx(0.5)
    assert loss_of("dcpo", tokens([12.0], [1e-6], [1.0])) == pytest.approx(-10.0)
    assert loss_of("dcpo", tokens([12.0], [1e-6], [1.0]), dual_clip=3.0) == pytest.approx(-10.0)
    # what became likelier although it lost costs 3 times its advantage at most
    assert loss_of("dcpo", tokens([4.0], [0.1], [-2.0]), dual_clip=3.0) == pytest.approx(6.0)


def test_scaled_entropy_by_hand() -> None:
    """Logs 0, 1, 2, 5 less their third lowest: -2, -1, 0, 3; over 3 above and over 2 below."""
    entropy_N = torch.tensor([0.0, 5.0, 2.0, 1.0], dtype=torch.float64).exp()
    assert scaled_entropy(entropy_N, 0.7).tolist() == pytest.approx([-1.0, 1.0, 0.0, -0.5])
    assert scaled_entropy(entropy_N, 0.7, signed=False).tolist() == pytest.approx([1.0, 1.0, 0.0, 0.5])
    assert scaled_entropy(torch.ones(3), 0.5).tolist() == [0.0, 0.0, 0.0]


def test_hapo_by_hand() -> None:
    """h is 1, -1, 0: bounds 0.8 to 1.4, 0.6 to 1.2 and 0.8 to 1.2."""
    entropy = [math.e, 1 / math.e, 1.0]

    def found(ratio: list[float], advantage: float) -> list[float]:
        batch = tokens(ratio, [0.5] * 3, [advantage] * 3, entropy=entropy)
        loss_of("hapo", batch, pivot=0.5)
        return [3 * slope for slope in slopes(batch)]

    # inside the inner half the hesitant token keeps A, the sure one loses it all; h = 0 changes nothing
    assert found([1.1, 1.05, 1.05], 1.0) == pytest.approx([-1.1, 0.0, -1.05])
    # beyond it the hesitant one counts twice, the sure one as it is
    assert found([1.3, 1.15, 1.15], 1.0) == pytest.approx([-2.6, -1.15, -1.15])
    assert found([1.5, 1.3, 1.3], 1.0) == [0.0, 0.0, 0.0]
    # downwards the sure one may go further
    assert found([0.7, 0.7, 0.7], -1.0) == pytest.approx([0.0, 0.7, 0.0])


def test_lp_reg_by_hand() -> None:
    """Of four lost tokens two are rare; one is likelier in the filtered policy, one was filtered out."""
    old = [0.01, 0.02, 0.5, 0.5, 0.001]
    filtered = np.log([0.02, 1.0, 0.6, 0.6, 0.5])
    filtered[1] = -math.inf
    batch = tokens([0.5, 0.5, 0.5, 1.0, 1.0], old, [-1, -1, -1, -1, 1], filtered=filtered)
    params = {"share": 0.5, "clip_low": 0.2, "clip_high": 0.2, "coef": 0.1}
    held = 0.5 + 0.1 * (4.0 - 1.0 - math.log(4.0))  # new 0.005, filtered 0.02
    assert loss_of("lp_reg", batch, **params) == pytest.approx((held + 0.8 + 0.8 + 1.0 - 1.0) / 5)
    assert [5 * slope for slope in slopes(batch)] == pytest.approx(
        [0.5 + 0.1 * (1 - 4.0), 0.0, 0.0, 1.0, -1.0]
    )
    outcome = Objective(ObjectiveConfig("lp_reg", params=params))(batch)
    assert (outcome.sums["lp_reg/rare"], outcome.sums["lp_reg/held"]) == (2, 1)


def test_the_rarest_are_a_share_of_some() -> None:
    logp_N = torch.tensor([-5.0, -1.0, -4.0, -9.0, -2.0])
    among_N = torch.tensor([True, True, True, False, True])
    assert rarest(logp_N, among_N, 0.5).tolist() == [True, False, True, False, False]
    assert not rarest(logp_N, among_N, 0.49).any()  # it would be one alone


def pair(won: list[float], lost: list[float], score: str = "logp") -> TokenBatch:
    """Return a group of trajectories of one token each, with their scores."""
    values = [*won, *lost]
    old = values if score == "logp" else [-3.0] * len(values)
    logp = old if score == "logp" else [-3.0 + math.log(value) for value in values]
    label = [1.0] * len(won) + [0.0] * len(lost)
    return batch_of(
        {"logp": logp, "old": old, "won": label, "group": [0] * len(values)}, list(range(len(values)))
    )


def test_disco_by_hand() -> None:
    """Lost scores 2 log 1/4 and 2 log 3/4 at tau 2: the soft mean is 2 log 1/2, their shares 1/4 and 3/4."""
    lost = [2 * math.log(0.25), 2 * math.log(0.75)]
    batch = pair([-1.0, -2.0], lost)
    assert loss_of("disco", batch, tau=2.0) == pytest.approx(1.5 + 2 * math.log(0.5))
    assert slopes(batch) == pytest.approx([-0.5, -0.5, 0.25, 0.75])
    batch = pair([-1.0], [-4.0, -2.0])
    assert loss_of("disco", batch, tau=math.inf) == pytest.approx(-2.0)
    assert slopes(batch) == pytest.approx([-1.0, 0.5, 0.5])
    # log old/new is log 2 and 0, so KL log(2)/2; over 0.1 it pays 30/2 (KL - 0.1)^2
    batch = pair([0.5], [1.0], "ratio")
    over = math.log(2) / 2 - 0.1
    assert loss_of("disco", batch, score="ratio", tau=math.inf, delta=0.1, beta=30.0) == pytest.approx(
        0.5 + 15 * over**2
    )
    assert slopes(batch) == pytest.approx([-0.5 - 15 * over, 1.0 - 15 * over])


def test_pacs_by_hand() -> None:
    """Summed log-ratios 1, 0 and -2: psi 2, 0.5, -2.5; the one that won weighs 3/2, the others 3/4."""
    columns = {"logp": [0.75, 0.25, 0.0, -2.0], "old": [0.0] * 4, "won": [1, 1, 0, 0], "group": [0] * 4}
    batch = batch_of(columns, [0, 0, 1, 2])

    def sigmoid(x: float) -> float:
        return 1 / (1 + math.exp(-x))

    terms = [-math.log(sigmoid(2.0)), -math.log(sigmoid(-0.5)), -math.log(sigmoid(2.5))]
    assert loss_of("pacs", batch) == pytest.approx((1.5 * terms[0] + 0.75 * (terms[1] + terms[2])) / 3)
    by_psi = [-1.5 * sigmoid(-2.0) / 3, 0.75 * sigmoid(0.5) / 3, 0.75 * sigmoid(-2.5) / 3]
    first = by_psi[0] - (by_psi[1] + by_psi[2]) / 2
    second = by_psi[1] - (by_psi[0] + by_psi[2]) / 2
    assert slopes(batch)[:3] == pytest.approx([first, first, second])
    outcome = Objective(ObjectiveConfig("pacs"))(batch)
    assert outcome.sums["pacs/right"].item() / 4 == pytest.approx(2 / 3)


@pytest.mark.parametrize("baseline", ["rloo", "grpo"])
def test_a_group_of_one_or_one_that_moved_alike_teaches_pacs_what_it_can(baseline: str) -> None:
    alone = batch_of({"logp": [0.4], "old": [0.0], "won": [1.0], "group": [0]}, [0])
    loss_of("pacs", alone, baseline=baseline)
    assert slopes(alone) == [0.0]
    still = batch_of({"logp": [0.0] * 2, "old": [0.0] * 2, "won": [1, 0], "group": [0] * 2}, [0, 1])
    loss_of("pacs", still, baseline=baseline)
    assert slopes(still) == ([0.0, 0.0] if baseline == "grpo" else pytest.approx([-0.5, 0.5]))


numbers = st.floats(-3.0, 3.0)


@given(st.lists(st.tuples(numbers, st.integers(0, 2), st.booleans()), min_size=2, max_size=9), st.randoms())
@settings(max_examples=25, deadline=None)
def test_order_and_names_of_trajectories_do_not_matter(rows: list, random: Any) -> None:
    """Nor does a group of one outcome, which moves the mean over groups and nothing else in DisCO."""
    order = list(range(len(rows)))
    random.shuffle(order)

    def found(name: str, places: list[int], group_of: list[int]) -> tuple[float, list[float]]:
        columns = {
            "logp": [rows[i][0] for i in places],
            "old": [0.5 * rows[i][0] for i in places],
            "group": [group_of[rows[i][1]] for i in places],
            "won": [float(rows[i][2]) for i in places],
        }
        columns["group"] = np.unique(columns["group"], return_inverse=True)[1].tolist()
        batch = batch_of(columns, list(range(len(places))))
        return loss_of(name, batch), slopes(batch)

    for name in ("disco", "pacs"):
        value, slope = found(name, list(range(len(rows))), [0, 1, 2])
        other, moved = found(name, order, [2, 0, 1])
        assert other == pytest.approx(value, rel=1e-9, abs=1e-9)
        assert moved == pytest.approx([slope[i] for i in order], rel=1e-9, abs=1e-9)


def test_what_cannot_be_computed_is_refused() -> None:
    unknown = batch_of({"logp": [0.0], "old": [0.0], "won": [math.nan], "group": [0]}, [0])
    for name in ("disco", "pacs"):
        with pytest.raises(UsageError, match=r'set info\["won"\]'):
            loss_of(name, unknown)
        with pytest.raises(UsageError, match="give group_N and won_N"):
            loss_of(name, tokens([1.0], [0.5], [1.0]))
    with pytest.raises(UsageError, match=r"loss\.tau is 0"):
        loss_of("disco", unknown, tau=0.0)
    with pytest.raises(UnknownName, match="score"):
        loss_of("disco", unknown, score="mean")
    with pytest.raises(UnknownName, match="baseline"):
        loss_of("pacs", unknown, baseline="mean")
    with pytest.raises(UsageError, match=r"loss\.pivot is 2"):
        loss_of("hapo", tokens([1.0], [0.5], [1.0]), pivot=2)
    with pytest.raises(UsageError, match=r"loss\.share is 2"):
        loss_of("lp_reg", tokens([1.0], [0.5], [1.0], filtered=[0.0]), share=2)
    with pytest.raises(UsageError, match="a Learner gives them"):
        loss_of("lp_reg", tokens([1.0], [0.5], [1.0]))
