"""LLDS by hand, in pieces as a whole, and in a learner that has no other signal."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from turnwise.errors import UnknownName, UsageError
from turnwise.trainers import losses
from turnwise.trainers.losses import Objective, TokenBatch, aggregation_weights
from turnwise.trainers.objective_config import ObjectiveConfig
from turnwise.trainers.parts import Part

# four messages of two tokens: (logp, logp_old, advantage)
FELL_GOOD = ([-1.5, -1.0], [-1.0, -1.2], [1.0, 1.0])  # sum fell by 0.3; only the first token fell: 0.5
ROSE_GOOD = ([-1.0, -0.5], [-0.9, -1.5], [1.0, 1.0])  # one token fell, the message rose: nothing
FELL_DEAD = ([-2.0, -2.0], [-1.0, -1.5], [0.0, 0.0])  # no difference in its group: 1.0 + 0.5
FELL_BAD = ([-3.0, -3.0], [-1.0, -1.0], [-1.0, -1.0])  # meant to fall: nothing
MESSAGES = (FELL_GOOD, ROSE_GOOD, FELL_DEAD, FELL_BAD)


def batch(messages: tuple = MESSAGES, num_minibatch: int = 0, trajectory: tuple = ()) -> TokenBatch:
    columns = [torch.tensor([x for m in messages for x in m[i]], dtype=torch.float64) for i in range(3)]
    turn = np.repeat(np.arange(len(messages)), 2)
    return TokenBatch(
        logp_N=columns[0].requires_grad_(),
        old_N=columns[1],
        behaviour_N=columns[1],
        entropy_N=torch.zeros_like(columns[1]),
        advantage_N=columns[2],
        weight_N=torch.from_numpy(aggregation_weights("turn_mean", turn, turn)),
        turn_N=torch.from_numpy(turn),
        trajectory_N=torch.from_numpy(np.repeat(trajectory, 2) if trajectory else turn),
        num_minibatch=num_minibatch,
    )


def test_by_hand() -> None:
    tokens = batch()
    found = losses.get_term("llds")(tokens)
    # 0.2 * (0.5 + 0 + 1.0 + 0.5 + 0) / 8 tokens
    assert found.item() == pytest.approx(0.2 * 2.0 / 8)
    found.backward()
    assert tokens.logp_N.grad is not None
    assert tokens.logp_N.grad.tolist() == pytest.approx([-0.025, 0, 0, 0, -0.025, -0.025, 0, 0])
    assert losses.get_term("llds")(batch(), coef=1.0).item() == pytest.approx(0.25)


def test_the_gate_of_a_response_and_the_mask_of_its_answer() -> None:
    term = losses.get_term("llds")
    # FELL_GOOD falls by 0.5 - 0.2 and ROSE_GOOD by 0.1 - 1.0: together they rose, and pay nothing
    tokens = batch(trajectory=(0, 0, 1, 1))
    assert term(tokens, gate="response").item() == pytest.approx(0.2 * (1.0 + 0.5) / 8)
    # with a message that fell by 2 the trajectory fell as a whole: 0.5, 0.1, 1, 1
    fell = ([-2.0, -2.0], [-1.0, -1.0], [1.0, 1.0])
    one = batch((FELL_GOOD, ROSE_GOOD, fell), trajectory=(0, 0, 0))
    assert term(one, gate="response").item() == pytest.approx(0.2 * (0.5 + 0.1 + 2.0) / 6)
    assert term(one, gate="response", answer=False).item() == pytest.approx(0.2 * 0.6 / 6)
    assert term(one, answer=False).item() == pytest.approx(0.2 * 0.5 / 6)
    with pytest.raises(UnknownName, match="gate"):
        term(one, gate="token")


@pytest.mark.parametrize(
    ("params", "unit"),
    [({}, "turn"), ({"gate": "response"}, "trajectory"), ({"answer": False}, "trajectory")],
)
def test_what_looks_at_a_whole_trajectory_is_given_it_uncut(params: dict, unit: str) -> None:
    assert Objective(ObjectiveConfig(terms=(Part("llds", params),))).unit == unit


def test_nothing_has_moved_at_the_first_update() -> None:
    still = ([-1.0, -2.0], [-1.0, -2.0], [1.0, 1.0])
    tokens = batch((still,))
    found = losses.get_term("llds")(tokens)
    found.backward()
    assert found.item() == 0.0
    assert tokens.logp_N.grad is not None
    assert tokens.logp_N.grad.tolist() == [0.0, 0.0]


def test_pieces_add_up_and_the_value_is_logged() -> None:
    config = ObjectiveConfig(name="ppo", terms=(Part("llds", {"coef": 0.4}),))
    plain = Objective(ObjectiveConfig(name="ppo"))
    whole = Objective(config)(batch())
    assert whole.loss.item() == pytest.approx(plain(batch()).loss.item() + 0.4 * 2.0 / 8)
    assert whole.sums["llds"].item() / 8 == pytest.approx(0.1)
    term = losses.get_term("llds")
    parts = [term(batch((message,), num_minibatch=8), coef=0.4).item() for message in MESSAGES]
    assert sum(parts) == pytest.approx(0.1)


def test_groups_without_an_advantage_are_not_idle() -> None:
    assert Objective(ObjectiveConfig(terms=(Part("llds"),))).teaches_all
    assert not Objective(ObjectiveConfig()).teaches_all


@pytest.mark.parametrize(
    ("part", "message"),
    [
        (Part("lds"), "did you mean 'llds'"),
        (Part("llds", {"weight": 1.0}), "unknown parameter of loss term llds 'weight'"),
        (Part("", {"weight": 1.0}), "has no name"),
    ],
)
def test_wrong_terms_are_refused(part: Part, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Objective(ObjectiveConfig(terms=(part,)))


def test_terms_are_named_once() -> None:
    with pytest.raises(UsageError, match="name each term once"):
        Objective(ObjectiveConfig(terms=(Part("llds"), Part("llds"))))
    with pytest.raises(UsageError, match="coef is -1"):
        losses.get_term("llds")(batch(), coef=-1.0)
    with pytest.raises(UnknownName, match="llds"):
        losses.get_term("llld")
    assert losses.term_names() == ["llds"]
