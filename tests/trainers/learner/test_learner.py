"""The learner: exact ratios, gradients that no cut into pieces changes, guards that keep the weights.

What is pinned here:
1. learner logprobs equal those of an unpacked forward pass, with supports and temperature;
2. neither the gradient of a mini-batch nor a figure of the log depends on the cut into
   micro-batches, at any ratio level and with any loss;
3. forced tokens are in no denominator;
4. not-finite losses, jumps and foreign logprobs stop before the weights change;
5. a state that was saved and loaded continues bit for bit.
"""

from __future__ import annotations

import copy
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from turnwise.agents.tiny.model import TinyConfig, TinyLM
from turnwise.agents.types import Generation, Trajectory, Turn
from turnwise.errors import TrainingError, UsageError
from turnwise.trainers.learner.config import OptimConfig
from turnwise.trainers.learner.optimizer import Descent, schedule_factor
from turnwise.trainers.learner.probe import Tolerance
from turnwise.trainers.learner.reference import frozen
from turnwise.trainers.learner.sequences import PackedBatch, pack
from turnwise.trainers.learner.update import Learner
from turnwise.trainers.objective_config import ObjectiveConfig
from turnwise.trainers.parts import Part

VOCAB = 24
SIZES = TinyConfig(
    vocab_size=VOCAB,
    hidden_size=16,
    num_layers=2,
    num_heads=2,
    num_kv_heads=1,
    intermediate_size=24,
    max_positions=64,
)


def build_model(dtype: torch.dtype = torch.float64) -> TinyLM:
    torch.manual_seed(0)
    return TinyLM(SIZES, seed=3).to(dtype)


def logprobs_unpacked(
    model: TinyLM, prompt: list[int], tokens: list[int], support: list, temperature: float
) -> list:
    """Return logprobs the slow way: one forward pass a turn, one softmax a token."""
    ids = torch.tensor([prompt + tokens])
    with torch.no_grad():
        logits = model.head(model.hidden(ids, torch.tensor([ids.shape[1]])))[0].double() / temperature
    found = []
    for i, (token, allowed) in enumerate(zip(tokens, support, strict=True)):
        row = logits[len(prompt) + i - 1]
        kept = row if allowed is None else row[list(allowed)]
        found.append(float(row[token] - kept.logsumexp(0)))
    return found


def collect(model: TinyLM, conversation: bool, seed: int = 0, num: int = 6) -> list[Trajectory]:
    rng = np.random.default_rng(seed)
    trajectories = []
    for n in range(num):
        turns, prompt = [], [1, *rng.integers(5, VOCAB, size=rng.integers(1, 5)).tolist()]
        for index in range(int(rng.integers(1, 4))):
            tokens = rng.integers(5, VOCAB, size=rng.integers(1, 5)).tolist()
            support = [None if rng.random() < 0.4 else _support(rng, token) for token in tokens]
            logprobs = logprobs_unpacked(model, prompt, tokens, support, 0.7)
            generation = Generation(
                "", tuple(prompt), tuple(tokens), tuple(logprobs), tuple(support), temperature=0.7
            )
            turns.append(Turn(index, "", "", "", 0.0, "", generation=generation))
            grown = rng.integers(5, VOCAB, size=3).tolist()
            prompt = prompt + tokens + grown if conversation else [1, *grown]
        trajectories.append(Trajectory("e", "t", 0, f"g{n // 2}", tuple(turns), "terminated"))
    return trajectories


def _support(rng: np.random.Generator, token: int) -> tuple[int, ...]:
    others = rng.integers(5, VOCAB, size=rng.integers(0, 5)).tolist()
    return tuple(sorted({token, *others}))


def advantages(batch: PackedBatch, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=batch.num_rows)[batch.row_N]


def make_learner(model: TinyLM, objective: ObjectiveConfig | None = None, **optim: Any) -> Learner:
    return Learner(model, OptimConfig(**optim), objective or ObjectiveConfig())


def plain_descent(model: TinyLM, rate: float) -> Descent:
    return Descent(model.parameters(), [torch.optim.SGD(model.parameters(), lr=rate)], 0.0, "")


def gradient(model: TinyLM, batch: PackedBatch, objective: ObjectiveConfig, **optim: Any) -> torch.Tensor:
    """Return the gradient of one step, by plain descent with a rate of 1 and no clipping."""
    model = copy.deepcopy(model)
    before = torch.cat([p.detach().flatten().clone() for p in model.parameters()])
    learner = make_learner(model, objective, **optim)
    learner.descent = plain_descent(model, 1.0)
    learner.update(batch, advantages(batch))
    return before - torch.cat([p.detach().flatten() for p in model.parameters()])


@pytest.mark.parametrize("conversation", [True, False])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.float64, 1e-12)])
def test_first_ratio_is_one(conversation: bool, dtype: torch.dtype, tolerance: float) -> None:
    model = build_model(dtype)
    batch = pack(collect(model, conversation))
    ratio_N = np.exp(make_learner(model).logprobs(batch) - batch.behaviour_N)
    assert np.abs(ratio_N - 1.0).max() < tolerance
    optim = OptimConfig(old_logprobs="behaviour")
    learner = Learner(model, optim, ObjectiveConfig(), tolerance=Tolerance(tolerance, tolerance, tolerance))
    log = learner.update(batch, advantages(batch))
    assert log["mismatch_max"] <= tolerance
    assert log["ratio_max"] == pytest.approx(1.0, abs=2 * tolerance)


LEVELS = ["token", "turn", "trajectory"]


@pytest.mark.parametrize("conversation", [True, False])
@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("aggregation", ["token_mean", "turn_mean", "trajectory_mean", "constant"])
def test_micro_batches_do_not_change_the_gradient(level: str, aggregation: str, conversation: bool) -> None:
    model = build_model()
    batch = pack(collect(model, conversation))
    moved = replace(
        batch, behaviour_N=batch.behaviour_N + np.random.default_rng(5).normal(0, 0.05, batch.num_targets)
    )
    objective = ObjectiveConfig(
        ratio_level=level,  # type: ignore[arg-type]
        aggregation=aggregation,  # type: ignore[arg-type]
        constant_length=7.0,
        entropy_coef=0.01,
        off_policy="truncate",
        off_policy_level=level,  # type: ignore[arg-type]
    )
    optim = {"old_logprobs": "behaviour", "mismatch_limit": 10.0}
    whole = gradient(model, moved, objective, micro_tokens=100_000, **optim)
    pieces = gradient(model, moved, objective, micro_tokens=1, **optim)
    assert whole.abs().max() > 1e-4
    torch.testing.assert_close(pieces, whole, rtol=1e-9, atol=1e-12)


LOSSES: dict[str, dict[str, Any]] = {
    "ppo": {"entropy_coef": 0.01, "off_policy": "truncate", "off_policy_limit": 1.01},
    "gspo": {"off_policy": "mask", "off_policy_level": "turn", "off_policy_limit": 1.01},
    "dapo": {"aggregation": "turn_mean", "kl": "k3", "kl_coef": 0.1},
    "cispo": {"terms": (Part("llds"),)},
    "sapo": {"ratio_level": "turn"},
    "reinforce": {"aggregation": "constant", "constant_length": 7.0, "kl": "k2", "kl_coef": 0.1},
}


@pytest.mark.parametrize("num_minibatches", [1, 3])
@pytest.mark.parametrize("loss", LOSSES)
def test_micro_batches_do_not_change_what_is_logged(loss: str, num_minibatches: int) -> None:
    model = build_model()
    batch = pack(collect(model, True, num=12))
    assert sum(len(sequence.ids_L) for sequence in batch.sequences) > 128
    rng = np.random.default_rng(5)
    moved = replace(batch, behaviour_N=batch.behaviour_N + rng.normal(0, 0.05, batch.num_targets))
    given_N = np.where(rng.random(batch.num_rows)[batch.row_N] < 0.5, 0.0, advantages(batch))  # half are idle
    logs, weights = [], []
    for micro_tokens in (64, 256, 4096):
        mine = copy.deepcopy(model)
        optim = OptimConfig(
            micro_tokens=micro_tokens, num_minibatches=num_minibatches, num_epochs=2, learning_rate=1e-3,
            old_logprobs="behaviour", mismatch_limit=10.0,
        )  # fmt: skip
        objective = ObjectiveConfig(loss, **LOSSES[loss])
        learner = Learner(mine, optim, objective, reference=frozen(TinyLM(SIZES, seed=4).to(torch.float64)))
        logs.append(learner.update(moved, given_N))
        weights.append(torch.cat([p.detach().flatten() for p in mine.parameters()]))
    for log, learned in zip(logs[1:], weights[1:], strict=True):
        assert log == pytest.approx(logs[0], rel=1e-6, abs=1e-9)
        torch.testing.assert_close(learned, weights[0], rtol=0, atol=1e-6)


def test_packing_does_not_change_the_gradient() -> None:
    """A conversation read once gives the gradient of its turns read one by one."""
    model = build_model()
    packed = pack(collect(model, True))
    turns = [
        Trajectory("e", "t", 0, "g", (turn,), "terminated") for t in collect(model, True) for turn in t.turns
    ]
    alone = pack(turns)
    assert len(alone.sequences) > len(packed.sequences)
    objective = ObjectiveConfig(aggregation="turn_mean")
    found, expected = (gradient(model, batch, objective) for batch in (packed, alone))
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-9)


def test_sequences_without_gradient_are_left_out() -> None:
    """What has no advantage is not computed, but stays in every denominator."""
    model = build_model()
    batch = pack(collect(model, True))
    advantage = advantages(batch) * (batch.trajectory_N % 2)
    found = []
    for skip in (True, False):
        twin = copy.deepcopy(model)
        learner = make_learner(twin, skip_idle=skip)
        learner.descent = plain_descent(twin, 1e-3)
        learner.update(batch, advantage)
        found.append(snapshot(twin))
    torch.testing.assert_close(found[0], found[1], rtol=1e-12, atol=1e-14)
    assert (found[0] - snapshot(model)).abs().max() > 1e-6
    # a batch without any signal is still an update: nothing to learn is no error
    log = make_learner(model).update(batch, np.zeros(batch.num_targets))
    assert log["grad_norm"] == 0.0


def test_a_step_is_as_long_as_the_share_of_its_tokens_with_a_signal() -> None:
    """Half of the tokens without an advantage: half the step, but for objectives that teach every token."""
    model = build_model()
    batch = pack(collect(model, True))
    half = advantages(batch)
    half[: len(half) // 2] = 0.0
    share = np.count_nonzero(half) / len(half)

    def moved(objective: ObjectiveConfig, advantage_N: np.ndarray, scale: bool) -> torch.Tensor:
        twin = copy.deepcopy(model)
        learner = make_learner(twin, objective, scale_to_signal=scale)
        learner.descent = plain_descent(twin, 1e-3)
        learner.update(batch, advantage_N)
        return snapshot(twin) - snapshot(model)

    plain, entropy = ObjectiveConfig(), ObjectiveConfig(entropy_coef=0.1)
    whole = moved(plain, half, False)
    torch.testing.assert_close(moved(plain, half, True), share * whole, rtol=1e-9, atol=1e-14)
    assert torch.equal(moved(plain, advantages(batch), True), moved(plain, advantages(batch), False))
    assert torch.equal(moved(entropy, half, True), moved(entropy, half, False))


def test_a_step_is_as_long_as_its_advantages_are_beside_the_largest_so_far() -> None:
    """The first batch has nothing before it; after one ten times as large, its step is a tenth."""
    model = build_model()
    batch = pack(collect(model, True))
    small, twin = advantages(batch) / 10, copy.deepcopy(model)
    learner, moved = make_learner(twin, signal="size"), []
    for advantage_N in (small, 10 * small, small):
        twin.load_state_dict(model.state_dict())
        learner.descent = plain_descent(twin, 1e-3)
        learner.update(batch, advantage_N)
        moved.append(snapshot(twin) - snapshot(model))
    torch.testing.assert_close(10 * moved[0], moved[1], rtol=1e-9, atol=1e-14)
    torch.testing.assert_close(10 * moved[2], moved[0], rtol=1e-9, atol=1e-14)


def test_one_step_by_hand() -> None:
    """REINFORCE on one free token of a turn with a forced one: the gradient is that of -A log p / 1."""
    model = build_model()
    support = (None, (9,))
    logprob = logprobs_unpacked(model, [1, 6], [7, 9], list(support), 1.0)
    generation = Generation("", (1, 6), (7, 9), tuple(logprob), support)
    batch = pack(
        [Trajectory("e", "t", 0, "g", (Turn(0, "", "", "", 0.0, "", generation=generation),), "terminated")]
    )
    found = gradient(model, batch, ObjectiveConfig(name="reinforce"))
    twin = copy.deepcopy(model)
    logits = twin.head(twin.hidden(torch.tensor([[1, 6]]), torch.tensor([2])))[0, 1]
    (-advantages(batch)[0] * logits.log_softmax(0)[7]).backward()
    expected = torch.cat([p.grad.flatten() for p in twin.parameters() if p.grad is not None])
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-12)


def snapshot(model: TinyLM) -> torch.Tensor:
    return torch.cat([p.detach().flatten().clone() for p in model.parameters()])


def test_not_finite_stops_before_the_weights_change() -> None:
    model = build_model()
    batch = pack(collect(model, True))
    learner, before = make_learner(model), snapshot(model)
    spoiled = advantages(batch)
    spoiled[3] = math.nan
    with pytest.raises(TrainingError, match="loss nan"):
        learner.update(batch, spoiled)
    assert torch.equal(snapshot(model), before)


def test_jumps_and_foreign_logprobs_stop() -> None:
    model = build_model()
    batch = pack(collect(model, True))
    before = snapshot(model)
    foreign = replace(batch, behaviour_N=batch.behaviour_N + 1.0)
    with pytest.raises(TrainingError, match="engine and learner differ"):
        make_learner(model).update(foreign, advantages(batch))
    slightly = replace(batch, behaviour_N=batch.behaviour_N + 1e-4)
    with pytest.raises(TrainingError, match="although one engine"):
        Learner(model, OptimConfig(), ObjectiveConfig(), tolerance=Tolerance(1e-5, 1e-10, 1e-6)).update(
            slightly, advantages(batch)
        )
    assert torch.equal(snapshot(model), before)
    with pytest.raises(TrainingError, match="the policy moved by"):
        make_learner(model, learning_rate=1.0, num_minibatches=3, spike_limit=0.5).update(
            batch, advantages(batch)
        )


def test_one_rare_sample_that_became_likely_is_no_jump() -> None:
    """What moved is judged over the whole mini-batch, and not over the few tokens that teach."""
    model = build_model()
    batch = pack(collect(model, True))
    moved = replace(batch, behaviour_N=batch.behaviour_N - 5.0)  # as if every token were 5 nats likelier now
    few = np.where(batch.trajectory_N == 0, advantages(batch), 0.0)
    limits = {"spike_limit": 3.0, "mismatch_limit": 1e9, "old_logprobs": "behaviour"}
    make_learner(copy.deepcopy(model), **limits).update(moved, few)
    with pytest.raises(TrainingError, match="the policy moved by 5 nats"):
        make_learner(copy.deepcopy(model), **limits).update(moved, advantages(batch))


def test_all_forced_and_wrong_length_are_refused() -> None:
    model = build_model()
    batch = pack(collect(model, True))
    with pytest.raises(UsageError, match="advantage_N has shape"):
        make_learner(model).update(batch, np.zeros(3))
    generation = Generation("", (1,), (9,), (0.0,), ((9,),))
    forced = pack(
        [Trajectory("e", "t", 0, "g", (Turn(0, "", "", "", 0.0, "", generation=generation),), "terminated")]
    )
    with pytest.raises(TrainingError, match="every token of the batch was forced"):
        make_learner(model).update(forced, np.zeros(0))


def test_state_continues_bit_for_bit() -> None:
    optim = OptimConfig(num_minibatches=2, num_epochs=2, schedule="cosine", signal="size")
    batch = pack(collect(build_model(torch.float32), False))

    def advance(learner: Learner, num: int) -> None:
        for seed in range(num):
            learner.update(batch, advantages(batch, seed))

    straight = Learner(build_model(torch.float32), optim, ObjectiveConfig(), total_updates=9)
    straight.update(batch, 3 * advantages(batch, 9))  # all that follow are smaller
    advance(straight, 2)
    model = build_model(torch.float32)
    model.load_state_dict(straight.model.state_dict())
    resumed = Learner(model, optim, ObjectiveConfig(), total_updates=9)
    resumed.load_state_dict(copy.deepcopy(straight.state_dict()))
    advance(straight, 2)
    advance(resumed, 2)
    assert torch.equal(snapshot(straight.model), snapshot(resumed.model))  # type: ignore[arg-type]
    assert resumed.num_steps == 20


def test_kl_needs_a_reference_and_pulls_towards_it() -> None:
    objective = ObjectiveConfig(kl="k3", kl_coef=1.0)
    model = build_model(torch.float32)
    with pytest.raises(UsageError, match="reference"):
        make_learner(model, objective)
    reference = copy.deepcopy(model)
    for parameter in model.parameters():
        parameter.data += 0.05 * torch.randn_like(parameter)
    batch = pack(collect(model, True))
    optim = OptimConfig(learning_rate=3e-3, spike_limit=100, mismatch_limit=100)
    learner = Learner(model, optim, objective, reference=frozen(reference))
    logs = [learner.update(batch, np.zeros(batch.num_targets)) for _ in range(30)]
    assert logs[-1]["kl"] < 0.5 * logs[0]["kl"]


def test_schedules_by_hand() -> None:
    optim = OptimConfig(schedule="linear", warmup_updates=2)
    found = [schedule_factor(optim, update, 6) for update in range(7)]
    assert found == pytest.approx([1 / 3, 2 / 3, 1.0, 0.75, 0.5, 0.25, 0.0])
    assert schedule_factor(replace(optim, schedule="cosine"), 4, 6) == pytest.approx(0.5)
    assert schedule_factor(OptimConfig(), 1000, 2000) == 1.0


def test_wrong_numbers_are_refused() -> None:
    with pytest.raises(UsageError, match="num_epochs"):
        OptimConfig(num_epochs=0)
    with pytest.raises(UsageError, match="betas is"):
        OptimConfig(betas=(0.9,))  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="schedule"):
        OptimConfig(schedule="square")  # type: ignore[arg-type]
