"""Steps down a loss: the gradient is cut as one, and nothing moves before all is known to be well."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from turnwise.errors import TrainingError
from turnwise.trainers.learner.optimizer import Descent


def build(max_grad_norm: float = 1.0) -> tuple[list[nn.Parameter], Descent]:
    weights = [nn.Parameter(torch.tensor([3.0])), nn.Parameter(torch.tensor([4.0]))]
    optimizers = [torch.optim.SGD(weights[:1], lr=1.0), torch.optim.SGD(weights[1:], lr=0.5)]
    return weights, Descent(weights, optimizers, max_grad_norm, "Lower the rate")


def half_square(weights: list[nn.Parameter]) -> float:
    loss = 0.5 * torch.cat(list(weights)).square().sum()
    torch.autograd.backward(loss)
    return float(loss.detach())


def values(weights: list[nn.Parameter]) -> list[float]:
    return [float(weight.detach()) for weight in weights]


def test_optimizers_share_one_limit_and_one_schedule() -> None:
    weights, descent = build()
    loss, norm = descent.step(lambda: half_square(weights), factor=0.1, where="step 0")
    assert (loss, norm) == pytest.approx((12.5, 5.0))
    # the gradient (3, 4) is cut to (0.6, 0.8); the rates are a tenth of 1 and 0.5
    assert values(weights) == pytest.approx([3.0 - 0.06, 4.0 - 0.04])
    descent.step(lambda: half_square(weights), factor=1.0, where="step 1")
    assert [optimizer.param_groups[0]["lr"] for optimizer in descent.optimizers] == [1.0, 0.5]


def test_without_a_limit_the_gradient_is_whole() -> None:
    weights, descent = build(max_grad_norm=0.0)
    descent.step(lambda: half_square(weights), factor=1.0, where="step 0")
    assert values(weights) == [0.0, 2.0]


def test_a_step_that_would_spoil_the_weights_is_not_taken() -> None:
    weights, descent = build()

    def refuse() -> None:
        raise TrainingError("no")

    with pytest.raises(TrainingError, match="no"):
        descent.step(lambda: half_square(weights), factor=1.0, where="step 0", check=refuse)
    with pytest.raises(TrainingError, match=r"step 7: loss nan, gradient norm .* Lower the rate"):
        descent.step(lambda: half_square(weights) * math.nan, factor=1.0, where="step 7")
    assert values(weights) == [3.0, 4.0]
    descent.step(lambda: half_square(weights), factor=1.0, where="step 8")  # nothing of theirs is left
    assert values(weights) == pytest.approx([2.4, 3.6])


def test_a_gradient_of_nothing_moves_nothing_and_forgets_nothing() -> None:
    weight = nn.Parameter(torch.tensor([1.0]))
    adam = torch.optim.AdamW([weight], lr=0.1, betas=(0.9, 0.95), weight_decay=0.1)
    descent = Descent([weight], [adam], 1.0, "")

    def backward(slope: float) -> float:
        torch.autograd.backward((weight * slope).sum())
        return 0.0

    descent.step(lambda: backward(1.0), factor=1.0, where="")
    before = values([weight]), {key: float(value) for key, value in adam.state[weight].items()}
    for _ in range(50):
        descent.step(lambda: backward(0.0), factor=1.0, where="")
    assert (values([weight]), {key: float(value) for key, value in adam.state[weight].items()}) == before
