"""Losses against the authors' golden numbers, against numbers worked by hand, and by property."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from turnwise.errors import UnknownName, UsageError
from turnwise.trainers import losses
from turnwise.trainers.losses import Objective, TokenBatch, aggregation_weights
from turnwise.trainers.objective_config import ObjectiveConfig

GOLDEN = json.loads((Path(__file__).parents[2] / "golden" / "policy_losses.json").read_text())
# name in the golden file -> ours; the file's sums over tokens are our "constant" with these lengths:
# token-sum divides by nothing, token-sum-norm by the width 6 but not by the 4 sequences
AGGREGATION = {
    "token-mean": ("token_mean", 0.0),
    "seq-mean-token-mean": ("turn_mean", 0.0),
    "seq-mean-token-sum": ("constant", 1.0),
    "seq-mean-token-sum-norm": ("constant", 6 / 4),
}


def make_batch(
    logp: torch.Tensor,
    old: torch.Tensor,
    advantage: torch.Tensor,
    segment: np.ndarray,
    aggregation: str,
    constant: float = 0.0,
    **extra: torch.Tensor,
) -> TokenBatch:
    weight = torch.from_numpy(aggregation_weights(aggregation, segment, segment, constant))  # type: ignore[arg-type]
    ids = torch.from_numpy(np.unique(segment, return_inverse=True)[1])
    fields = {"behaviour_N": old, "entropy_N": torch.zeros_like(logp), **extra}
    return TokenBatch(
        logp_N=logp, old_N=old, advantage_N=advantage, weight_N=weight, turn_N=ids, trajectory_N=ids, **fields
    )


@pytest.mark.parametrize("case", GOLDEN["cases"], ids=lambda case: case["name"])
def test_golden(case: dict) -> None:
    params, data = case["params"], case["data"]
    mask = torch.tensor(data["mask"]).bool()
    logp_BL = torch.tensor(data["logprob"], dtype=torch.float64, requires_grad=True)
    pick = {key: torch.tensor(data[key], dtype=torch.float64)[mask] for key in ("old_logprob", "advantage")}
    aggregation, constant = AGGREGATION[params["agg"]]
    clip = {"clip_low": params["clip_low"], "clip_high": params["clip_high"]}
    config = ObjectiveConfig(
        name=params["kind"],
        ratio_level="turn" if params["kind"] == "gspo" else "token",
        params=clip if params["kind"] == "gspo" else {**clip, "dual_clip": params["clip_c"]},
    )
    segment = mask.nonzero()[:, 0].numpy()
    batch = make_batch(logp_BL[mask], pick["old_logprob"], pick["advantage"], segment, aggregation, constant)
    outcome = Objective(config)(batch)
    outcome.loss.backward()
    assert outcome.loss.item() == pytest.approx(case["expected"]["loss"], rel=1e-8, abs=1e-8)
    assert logp_BL.grad is not None
    np.testing.assert_allclose(logp_BL.grad.numpy(), case["expected"]["grad"], rtol=1e-8, atol=1e-8)


def terms(name: str, ratio: list[float], advantage: list[float], **params: float) -> losses.Terms:
    ratio_N = torch.tensor(ratio, dtype=torch.float64)
    return losses.get(name)(ratio_N, torch.tensor(advantage, dtype=torch.float64), ratio_N.log(), **params)


def test_ppo_by_hand() -> None:
    found = terms("ppo", [0.5, 0.5, 1.5, 1.5, 4.0], [1, -1, 1, -1, -1])
    # rising ratio is cut for A > 0, falling for A < 0; from ratio 3 on the dual clip cuts A < 0
    assert found.loss_N.tolist() == pytest.approx([-0.5, 0.8, -1.2, 1.5, 3.0])
    assert found.low_N is not None and found.low_N.tolist() == [False, True, False, False, False]
    assert found.high_N is not None and found.high_N.tolist() == [False, False, True, False, True]
    assert terms("ppo", [4.0], [-1], dual_clip=0.0).loss_N.tolist() == pytest.approx([4.0])


def test_dapo_and_dr_grpo_by_hand() -> None:
    assert terms("dapo", [1.25, 1.5, 0.5], [2, 2, -2]).loss_N.tolist() == pytest.approx([-2.5, -2.56, 1.6])
    assert terms("dr_grpo", [1.25, 0.5], [2, -2]).loss_N.tolist() == pytest.approx([-2.4, 1.6])


def test_cispo_keeps_every_gradient() -> None:
    logp = torch.tensor([0.0, 1.0, -1.0], dtype=torch.float64, requires_grad=True)
    advantage = torch.tensor([1.0, 2.0, -3.0], dtype=torch.float64)
    losses.get("cispo")(logp.exp(), advantage, logp).loss_N.sum().backward()
    assert logp.grad is not None
    # weights 1, e and 1/e: e is below the bound of 5
    assert logp.grad.tolist() == pytest.approx([-1.0, -2 * np.e, 3 * np.exp(-1.0)])


def test_cispo_cuts_the_weight_at_five() -> None:
    found = terms("cispo", [4.9, 5.1, 9.0], [1, 1, -1])
    logp = np.log([4.9, 5.1, 9.0])
    assert found.loss_N.tolist() == pytest.approx([-4.9 * logp[0], -5 * logp[1], 5 * logp[2]])
    assert found.high_N is not None and found.high_N.tolist() == [False, True, True]


def test_sapo_by_hand() -> None:
    found = terms("sapo", [1.0, 2.0, 2.0], [1, 1, -1])
    expected = [-2.0, -4 / (1 + np.exp(-1.0)), 4 / 1.05 / (1 + np.exp(-1.05))]
    assert found.loss_N.tolist() == pytest.approx(expected)


# OPMD divides by its regulariser; those that see more than ratios have tests of their own
ALIKE = [name for name in losses.names() if losses.get(name).sees == "ratios" and name != "opmd"]


@pytest.mark.parametrize("name", ALIKE)
def test_every_loss_is_the_same_gradient_on_policy(name: str) -> None:
    """With one on-policy update the losses differ by aggregation only."""
    advantage = torch.tensor([1.5, -0.5, 0.0, 2.0], dtype=torch.float64)
    logp = torch.tensor([-1.0, -2.0, -0.5, -0.1], dtype=torch.float64, requires_grad=True)
    ratio = (logp - logp.detach()).exp()
    losses.get(name)(ratio, advantage, logp).loss_N.sum().backward()
    assert logp.grad is not None
    assert logp.grad.tolist() == pytest.approx((-advantage).tolist())


def test_aggregations_by_hand() -> None:
    turn, trajectory = np.array([0, 0, 0, 1, 2]), np.array([7, 7, 7, 7, 9])
    assert aggregation_weights("token_mean", turn, trajectory).tolist() == [0.2] * 5
    assert aggregation_weights("turn_mean", turn, trajectory).tolist() == pytest.approx(
        [1 / 9] * 3 + [1 / 3] * 2
    )
    assert aggregation_weights("trajectory_mean", turn, trajectory).tolist() == pytest.approx(
        [1 / 8] * 4 + [0.5]
    )
    assert aggregation_weights("constant", turn, trajectory, 10.0).tolist() == pytest.approx([1 / 20] * 5)
    with pytest.raises(UsageError, match="constant_length"):
        aggregation_weights("constant", turn, trajectory)
    with pytest.raises(UnknownName, match="turn_mean"):
        aggregation_weights("turn_means", turn, trajectory)  # type: ignore[arg-type]


def gradient_on_policy(name: str, advantage: list[float], level: str) -> list[float]:
    """Return the gradient of a loss on policy: four tokens, two turns, one trajectory, mean over tokens."""
    logp = torch.tensor([-1.0, -2.0, -0.5, -0.1], dtype=torch.float64, requires_grad=True)
    batch = TokenBatch(
        logp_N=logp,
        old_N=logp.detach(),
        behaviour_N=logp.detach(),
        entropy_N=torch.zeros(4, dtype=torch.float64),
        advantage_N=torch.tensor(advantage, dtype=torch.float64),
        weight_N=torch.full((4,), 0.25, dtype=torch.float64),
        turn_N=torch.tensor([0, 0, 1, 1]),
        trajectory_N=torch.zeros(4, dtype=torch.int64),
    )
    Objective(ObjectiveConfig(name=name, ratio_level=level))(batch).loss.backward()  # type: ignore[arg-type]
    assert logp.grad is not None
    found: list[float] = logp.grad.tolist()
    return found


@pytest.mark.parametrize("level", ["token", "turn", "trajectory"])
@pytest.mark.parametrize("name", [*ALIKE, "dcpo"])
@pytest.mark.parametrize("advantage", [[1, 1, -1, -1], [2, 2, -1, -1], [1, -1, 3, 0]])
def test_a_ratio_of_many_tokens_gives_each_token_its_own_advantage(
    advantage: list[float], name: str, level: str
) -> None:
    """On policy: -A / 4 for each, whether advantages differ from turn to turn or inside a turn (spans)."""
    assert gradient_on_policy(name, advantage, level) == pytest.approx([-a / 4 for a in advantage])


def test_a_ratio_of_many_tokens_is_their_geometric_mean_and_is_clipped_as_one() -> None:
    old = torch.tensor([-1.0, -1.0, -1.0, -1.0], dtype=torch.float64)
    logp = (old + torch.tensor([0.3, 0.1, -0.5, 0.1], dtype=torch.float64)).requires_grad_()
    turn = torch.tensor([0, 0, 1, 1])
    batch = make_batch(
        logp, old, torch.tensor([1.0, 1.0, 1.0, -1.0], dtype=torch.float64), turn.numpy(), "token_mean"
    )
    config = ObjectiveConfig(name="gspo", ratio_level="turn", params={"clip_low": 0.1, "clip_high": 0.1})
    outcome = Objective(config)(batch)
    outcome.loss.backward()
    up, down = np.exp(0.2), np.exp(-0.2)
    # turn 0 is above 1.1: cut for A > 0; turn 1 is below 0.9: cut for A < 0 alone
    assert outcome.loss.item() == pytest.approx((-1.1 - 1.1 - down + 0.9) / 4)
    assert logp.grad is not None
    assert logp.grad.tolist() == pytest.approx([0, 0, -down / 4, 0])
    assert up > 1.1


@given(
    lengths=st.lists(st.integers(1, 5), min_size=1, max_size=8),
    aggregation=st.sampled_from(["token_mean", "turn_mean", "trajectory_mean"]),
)
@settings(deadline=None, max_examples=50)
def test_weights_sum_to_one(lengths: list[int], aggregation: str) -> None:
    turn = np.repeat(np.arange(len(lengths)), lengths)
    weights = aggregation_weights(aggregation, turn, turn // 2)  # type: ignore[arg-type]
    assert weights.sum() == pytest.approx(1.0)


def test_kl_estimates_by_hand() -> None:
    p, q = torch.tensor([-1.0], dtype=torch.float64), torch.tensor([-1.5], dtype=torch.float64)
    assert losses.kl_estimate("k1", p, q).item() == pytest.approx(0.5)
    assert losses.kl_estimate("k2", p, q).item() == pytest.approx(0.125)
    assert losses.kl_estimate("k3", p, q).item() == pytest.approx(np.exp(-0.5) - 0.5)
    with pytest.raises(UnknownName):
        losses.kl_estimate("k4", p, q)  # type: ignore[arg-type]


def test_offpolicy_weights_by_hand() -> None:
    old = torch.log(torch.tensor([0.9, 0.1, 0.3], dtype=torch.float64))
    behaviour = torch.log(torch.tensor([0.3, 0.3, 0.3], dtype=torch.float64))
    weight = losses.offpolicy_weight
    assert weight("truncate", old, behaviour, 2.0).tolist() == pytest.approx([2.0, 1 / 3, 1.0])
    assert weight("mask", old, behaviour, 2.0).tolist() == pytest.approx([0.0, 0.0, 1.0])
    segment = torch.tensor([0, 0, 1])
    # the geometric mean of 3 and 1/3, and of 1; of 3 and 1 in one segment: sqrt 3
    assert weight("truncate", old, behaviour, 2.0, segment).tolist() == pytest.approx([1.0, 1.0, 1.0])
    other = torch.tensor([0, 1, 0])
    assert weight("truncate", old, behaviour, 2.0, other).tolist() == pytest.approx([3**0.5, 1 / 3, 3**0.5])
    assert weight("mask", old, behaviour, 1.5, other).tolist() == pytest.approx([0.0, 0.0, 0.0])
    with pytest.raises(UnknownName, match="truncate"):
        weight("truncat", old, behaviour, 2.0)  # type: ignore[arg-type]


@pytest.mark.parametrize("num_tokens", [1_000, 8_000])
def test_the_weight_of_a_trajectory_does_not_vanish_with_its_length(num_tokens: int) -> None:
    """Noise of 0.03 nats a token with a mean ratio of 1: the weight stays 1 however long the message."""
    draw = np.random.default_rng(0)
    noise = torch.from_numpy(0.03 * draw.normal(size=(20, num_tokens)) - 0.03**2 / 2).flatten()
    segment = torch.arange(20).repeat_interleave(num_tokens)
    nothing = torch.zeros_like(noise)
    cut = losses.offpolicy_weight("truncate", noise, nothing, 2.0, segment)
    masked = losses.offpolicy_weight("mask", noise, nothing, 2.0, segment)
    # a product over 8 000 tokens has a mean of 0.22 after the cut, and masking drops 86 of 100
    assert cut.mean().item() == pytest.approx(1.0, abs=0.002)
    assert (masked == 0).sum().item() == 0


def test_the_weight_is_logged_before_the_cut_and_after() -> None:
    logp = torch.log(torch.tensor([0.9, 0.1, 0.3], dtype=torch.float64))
    behaviour = torch.log(torch.tensor([0.3, 0.2, 0.3], dtype=torch.float64))
    batch = make_batch(logp, logp, torch.ones(3, dtype=torch.float64), np.arange(3), "token_mean")
    batch = replace(batch, behaviour_N=behaviour)
    sums = Objective(ObjectiveConfig(off_policy="truncate", off_policy_limit=1.5))(batch).sums
    assert sums["off_policy_weight"].item() == pytest.approx(1.5 + 0.5 + 1)
    assert sums["off_policy_uncut"].item() == pytest.approx(3 + 0.5 + 1)
    assert sums["off_policy_square"].item() == pytest.approx(9 + 0.25 + 1)
    masked = Objective(ObjectiveConfig(off_policy="mask", off_policy_limit=1.5))(batch).sums
    assert masked["off_policy_weight"].item() == pytest.approx(1)
    assert masked["off_policy_uncut"].item() == pytest.approx(4.5)
    assert "off_policy_uncut" not in Objective(ObjectiveConfig())(batch).sums


def test_kl_entropy_and_offpolicy_enter_the_objective() -> None:
    logp = torch.tensor([-1.0, -2.0], dtype=torch.float64)
    config = ObjectiveConfig(
        name="reinforce", kl="k2", kl_coef=0.5, entropy_coef=0.1, off_policy="truncate", off_policy_limit=1.5
    )
    batch = make_batch(
        logp,
        logp,
        torch.tensor([1.0, 1.0], dtype=torch.float64),
        np.array([0, 1]),
        "token_mean",
        behaviour_N=logp - 1.0,
        entropy_N=torch.tensor([0.2, 0.4], dtype=torch.float64),
        reference_N=logp - 2.0,
    )
    outcome = Objective(config)(batch)
    # each token: 1.5 * -(1 * logp) + 0.5 * 2 - 0.1 * entropy
    expected = 0.5 * ((1.5 + 1.0 - 0.02) + (3.0 + 1.0 - 0.04))
    assert outcome.loss.item() == pytest.approx(expected)
    assert outcome.max_mismatch.item() == pytest.approx(np.e - 1)


def test_wrong_parts_are_refused() -> None:
    with pytest.raises(UnknownName, match="ppo"):
        Objective(ObjectiveConfig(name="pppo"))
    with pytest.raises(UnknownName, match="clip_low"):
        Objective(ObjectiveConfig(name="ppo", params={"clip_lo": 0.1}))
    with pytest.raises(UsageError, match="k1"):
        Objective(ObjectiveConfig(kl="k1", kl_coef=0.1))
    with pytest.raises(UsageError, match="off_policy_limit"):
        Objective(ObjectiveConfig(off_policy_limit=0.5))
    with pytest.raises(UsageError, match="registered already"):
        losses.register("ppo", aggregation="token_mean", ratio_level="token")(lambda r, a, p: losses.Terms(r))
